#include "peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct peer {
  struct loop_io io; /* on its pidfd */
  struct peers *peers;
  int64_t worker_id; /* 0: a free place */
};

struct peers {
  struct loop *loop;
  void (*died)(void *owner);
  void *owner;
  char host[256];
  bool lost; /* one had ended before it could be watched */
  struct peer places[PEERS_MAX];
};

static void forget(struct peer *peer) {
  int fd = peer->io.fd;
  loop_io_stop(&peer->io);
  close(fd);
  peer->worker_id = 0;
}

static void ended(struct loop_io *io, unsigned events) {
  struct peer *peer = io->owner;
  (void)events;
  forget(peer);
  peer->peers->died(peer->peers->owner);
}

struct peers *peers_new(struct loop *loop, void (*died)(void *owner), void *owner) {
  struct peers *peers = calloc(1, sizeof *peers);
  if (!peers)
    return NULL;
  peers->loop = loop;
  peers->died = died;
  peers->owner = owner;
  if (gethostname(peers->host, sizeof peers->host - 1) != 0)
    peers->host[0] = '\0';
  return peers;
}

void peers_free(struct peers *peers) {
  for (size_t i = 0; peers && i < PEERS_MAX; i++)
    if (peers->places[i].worker_id != 0)
      forget(&peers->places[i]);
  free(peers);
}

static struct peer *place_for(struct peers *peers, int64_t worker_id) {
  struct peer *free_place = NULL;
  for (size_t i = 0; i < PEERS_MAX; i++) {
    if (peers->places[i].worker_id == worker_id)
      return NULL; /* is watched */
    if (!free_place && peers->places[i].worker_id == 0)
      free_place = &peers->places[i];
  }
  return free_place;
}

static bool watch(void *arg, const void *row) {
  struct peers *peers = arg;
  const struct galley_worker *worker = row;
  if (worker->pid == getpid() || strcmp(worker->host, peers->host) != 0)
    return true;
  struct peer *peer = place_for(peers, worker->id);
  if (!peer)
    return true;
  int fd = (int)syscall(SYS_pidfd_open, (pid_t)worker->pid, 0);
  if (fd < 0) {
    peers->lost = peers->lost || errno == ESRCH;
    return true;
  }
  *peer =
      (struct peer){.io = {.ready = ended, .owner = peer}, .peers = peers, .worker_id = worker->id};
  if (!loop_io_start(peers->loop, &peer->io, fd, LOOP_READ)) {
    close(fd);
    peer->worker_id = 0;
  }
  return true;
}

enum galley_rc peers_update(struct peers *peers, struct galley *q) {
  peers->lost = false;
  enum galley_rc rc = galley_workers(q, watch, peers);
  if (rc == GALLEY_OK && peers->lost)
    peers->died(peers->owner);
  return rc;
}
