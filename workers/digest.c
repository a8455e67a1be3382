#include "digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

bool digest_strings(const char *const *strings, int n, char out[DIGEST_SIZE]) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned len = 0;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
  for (int i = 0; ok && i < n; i++) {
    const char *text = strings[i] ? strings[i] : "";
    ok = EVP_DigestUpdate(context, text, strlen(text) + 1) == 1;
  }
  ok = ok && EVP_DigestFinal_ex(context, bytes, &len) == 1;
  EVP_MD_CTX_free(context);
  for (unsigned i = 0; ok && i < len && 2 * i + 2 < DIGEST_SIZE; i++)
    snprintf(out + 2 * i, 3, "%02x", bytes[i]);
  return ok;
}
