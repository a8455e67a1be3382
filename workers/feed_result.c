#include "feed_parse.h"

static const char *const texts[] = {
    [FEED_PARSED] = "the feed was read",
    [FEED_EMPTY] = "the answer was empty; the feed is tried again later",
    [FEED_IS_HTML] = "this is a web page, not a feed; look in it for the address of its feed",
    [FEED_NOT_A_FEED] = "this is neither RSS nor Atom nor JSON Feed; check the address",
    [FEED_DANGEROUS] = "the document defines entities or nests too deeply, which no feed needs; it "
                       "was not read",
    [FEED_CUT_OFF] = "the document ended too early and held no complete item; it is tried again "
                     "later",
    [FEED_NO_MEMORY] = "there was not enough memory to read the feed",
};

const char *feed_result_text(enum feed_result result) {
  return texts[result];
}
