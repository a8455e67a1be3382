#include "abbreviation.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct entry {
  const char *language; /* "" for any */
  enum abbreviation kind;
  const char *tokens; /* each between spaces, ASCII case does not matter */
};
static const struct entry entries[] = {
    {"", ABBREVIATION_INNER, " dr prof mr mrs ms st vs fig cf gen sen rep gov capt lt col "},
    {"", ABBREVIATION_EITHER, " etc inc ltd corp co jr sr approx u.s u.k e.u a.m p.m ph.d llc "},
    {"en", ABBREVIATION_INNER, " no nos vol pp ed eds e.g i.e eq sec ch rev hon mt al figs "},
    {"en", ABBREVIATION_EITHER, " dept est min max avg ave blvd jan feb aug sept oct nov dec "},
    {"de", ABBREVIATION_INNER,
     " z.b z b d.h d h u.a o.ä u.ä i.d.r i d r nr abs art bzw ca evtl "
     "ggf inkl exkl max min mind sog vgl zzgl str dipl ing hrsg bd s "
     "jan feb mär apr jun jul aug sep sept okt nov dez ing med "
     "rd tel kap zz zt z.t z t allg bes insb lt mio mrd "},
    {"de", ABBREVIATION_EITHER, " usw u.s.w uvm o.g etc e.v v.chr n.chr jh "},
    {"fr", ABBREVIATION_INNER,
     " m mm mme mmes mlle me p ex p.ex env art chap no n janv févr "
     "juil sept oct nov déc av bd éd vol "},
    {"fr", ABBREVIATION_EITHER, " etc j.-c "},
    {"es", ABBREVIATION_INNER,
     " sr sra srta dra ud uds p ej p.ej núm no art pág págs vol ee aa "
     "av avda c gral lic ing "},
    {"es", ABBREVIATION_EITHER, " etc ee.uu s.a s.l "},
    {"it", ABBREVIATION_INNER, " sig sigg dott dott.ssa ing avv art pag n es p.es on cfr ecc.mo "},
    {"it", ABBREVIATION_EITHER, " ecc s.p.a s.r.l "},
    {"nl", ABBREVIATION_INNER,
     " bijv bv d.w.z dhr mevr nr blz o.a ca drs ir mr jl resp incl excl "
     "m.b.t t.o.v zgn evt "},
    {"nl", ABBREVIATION_EITHER, " enz b.v n.v e.d "},
    {"pt", ABBREVIATION_INNER, " sr sra srta dra exmo p ex p.ex núm nº art pág págs av vol eng "},
    {"pt", ABBREVIATION_EITHER, " etc ltda s.a "},
};

/* Languages that write an ordinal as a number with a full stop. */
static const char ordinal_languages[] = " de da no nb nn fi cs sk pl hu et lv sl hr sr is ";

static bool listed(const char *tokens, const char *token, size_t len) {
  for (const char *at = tokens + 1; *at != '\0';) {
    size_t n = strcspn(at, " ");
    if (n == len && strncasecmp(at, token, len) == 0)
      return true;
    at += n;
    at += *at == ' ';
  }
  return false;
}

static bool is_ordinal(const char *language, const char *token, size_t len) {
  return len <= 2 && strspn(token, "0123456789") >= len &&
         listed(ordinal_languages, language, strcspn(language, "-_"));
}

static bool is_initial(const char *token, size_t len) {
  bool letter = token[0] >= 'A' && token[0] <= 'Z';
  return letter && (len == 1 || (len < 12 && memchr(token, '.', len) != NULL));
}

enum abbreviation abbreviation_of(const char *language, const char *token, size_t len) {
  if (len == 0)
    return ABBREVIATION_NONE;
  for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
    const struct entry *entry = &entries[i];
    bool applies = entry->language[0] == '\0' || strncmp(entry->language, language, 2) == 0;
    if (applies && listed(entry->tokens, token, len))
      return entry->kind;
  }
  if (is_initial(token, len) || is_ordinal(language, token, len))
    return ABBREVIATION_EITHER;
  return ABBREVIATION_NONE;
}
