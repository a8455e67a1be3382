#include "prose.h"

#include "stopword.h"
#include "words.h"

#include <string.h>
#include <utf8proc.h>

#define FOLDED_MAX     2048
#define LETTERS_MIN    0.70 /* of all characters but spaces */
#define UPPER_MAX      0.40 /* of all letters */
#define CALL_WORDS_MAX 25   /* longer sentences speak about newsletters, not for one */

/* clang-format off */
/* Folded words that are said by a site about itself and not by an article about its subject. */
static const char *const boilerplate[] = {
    " subscribe to ", " our newsletter ", " sign up ", " newsletter sign ", " read more ",
    " click here ", " read the full ", " continue reading ", " follow us ", " share this ",
    " all rights reserved ", " uses cookies ", " use cookies ", " accept cookies ",
    " privacy policy ", " terms of service ", " terms of use ", " terms and conditions ",
    " appeared first on ", " originally published ", " originally appeared ", " log in to ",
    " affiliate links ", " affiliate commission ", " getty images ", " image credit ",
    " photo credit ", " your inbox ", " free trial ", " leave a comment ", " related articles ",
    " related stories ", " see also ", " download our ", " download the app ", " contact us ",
    " join our ", " register now ", " book your ", " this article was ", " advertisement ",
    " sponsored content ", " press release ", " stay up to date ", " listen to this ",
    " newsletter abonnieren ", " unseren newsletter ", " unserem newsletter ", " jetzt abonnieren ",
    " weiterlesen ", " mehr lesen ", " lesen sie auch ", " lesen sie mehr ", " lesen sie hier ",
    " mehr zum thema ", " hier klicken ", " klicken sie ", " folgen sie uns ",
    " alle rechte vorbehalten ", " verwendet cookies ", " verwenden cookies ",
    " datenschutzerklarung ", " melden sie sich ", " jetzt anmelden ", " dieser artikel erschien ",
    " erschien zuerst ", " dieser beitrag ", " kommentar schreiben ", " anzeige ", " affiliate ",
    " abonnez vous ", " abonnez ", " notre newsletter ", " lire la suite ", " lire aussi ",
    " lisez aussi ", " cliquez ici ", " suivez nous ", " tous droits reserves ",
    " utilise des cookies ", " est apparu en premier ", " inscrivez vous ", " partager cet ",
    " suscribete ", " suscribase ", " nuestro boletin ", " nuestra newsletter ", " leer mas ",
    " sigue leyendo ", " haz clic ", " haga clic ", " siguenos ", " todos los derechos ",
    " utiliza cookies ", " politica de privacidad ", " iscriviti ", " nostra newsletter ",
    " leggi anche ", " leggi tutto ", " clicca qui ", " seguici ", " tutti i diritti ",
    " cookie policy ", " informativa sulla privacy ", " lees ook ", " lees verder ", " lees meer ",
    " meld je aan ", " schrijf je in ", " onze nieuwsbrief ", " klik hier ", " volg ons ",
    " alle rechten voorbehouden ", " gebruikt cookies ", " inscreva se ", " assine ",
    " nossa newsletter ", " leia mais ", " leia tambem ", " clique aqui ", " siga nos ",
    " todos os direitos ",
};

/* First words by which a sentence points back; single words have a role in the stop word lists. */
static const char *const leaning[] = {
    " in addition ", " as a result ", " for example ", " for instance ", " by contrast ",
    " in contrast ", " on the other hand ", " in other words ", " at the same time ", " even so ",
    " after that ", " that said ", " of course ", " in fact ", " in turn ", " the same ",
    " the other ", " the latter ", " the former ", " one of them ", " the second ", " the third ",
    " what is more ", " not only that ", " to do so ", " to do this ", " because of this ",
    " for this reason ", " for that reason ", " in this case ", " in these ", " in this ",
    " with this ", " at this ", " under this ", " under these ", " all of this ", " all this ",
    " neither ", " in both ", " of these ", " of those ", " with that ", " by then ",
    " the result ", " zum beispiel ", " im gegenteil ", " auf der anderen seite ",
    " auf der einen seite ", " in der tat ", " mit anderen worten ", " das heisst ", " das ist ",
    " das sind ", " das war ", " das hat ", " das wird ", " das kann ", " das bedeutet ",
    " das zeigt ", " das gilt ", " das liegt ", " das macht ", " das geht ", " das soll ",
    " das spart ", " das fuhrt ", " ein weiterer ", " eine weitere ", " ein weiteres ",
    " der zweite ", " die zweite ", " das zweite ", " aus diesem grund ", " in diesem ",
    " in diesen ", " in dieser ", " mit dieser ", " mit diesem ", " bei diesem ", " bei dieser ",
    " hinzu kommt ", " die folge ", " par exemple ", " en effet ", " en outre ", " de plus ",
    " par ailleurs ", " en revanche ", " d autre part ", " pour autant ", " a l inverse ",
    " par consequent ", " dans ce ", " dans cette ", " de ce fait ", " au contraire ",
    " por ejemplo ", " sin embargo ", " por otro lado ", " por otra parte ", " en cambio ",
    " por eso ", " por lo tanto ", " por tanto ", " es decir ", " en consecuencia ", " de hecho ",
    " en este ", " en esta ", " por esta ", " al mismo tiempo ", " per esempio ", " ad esempio ",
    " d altra parte ", " in effetti ", " per questo ", " di conseguenza ", " in questo ",
    " in questa ", " al contrario ", " nello stesso tempo ", " aan de andere kant ",
    " met andere woorden ", " als gevolg ", " in feite ", " in dit ", " in deze ", " om deze ",
    " por exemplo ", " no entanto ", " por outro lado ", " alem disso ", " por isso ", " ou seja ",
    " de fato ", " neste caso ", " ao mesmo tempo ", " dessa forma ", " com isso ",
};
/* Last words by which it does. */
static const char *const leaning_last[] = {" it ", " that ", " this ", " them ", " those ", " these "};

/* What stands with a colon before the caption of a picture or the source of a table. */
static const char captions[] =
    " photo photos image images picture caption figure fig video source illustration graphic foto "
    "fotos bild grafik abbildung quelle imagen fuente immagine fonte afbeelding bron imagem ";
/* clang-format on */

/* Characters that mark links, code and tables. */
static const char *const foreign[] = {"http:", "https:", "www.", "@",  "{",  "}",   "();", "</",
                                      "|",     "=",      "\\",   "»»", ">>", " / ", "#"};

struct pair {
  const char *open, *shut;
};
static const struct pair pairs[] = {
    {"(", ")"}, {"[", "]"}, {"\xe3\x80\x8c", "\xe3\x80\x8d"}, {"\xef\xbc\x88", "\xef\xbc\x89"}};

/* Occurrences of a string that holds no NUL. */
static size_t occurrences(const char *text, size_t len, const char *what) {
  size_t n = 0, size = strlen(what);
  const char *end = text + len;
  for (const char *at = text; (at = memmem(at, (size_t)(end - at), what, size)) != NULL; at += size)
    n++;
  return n;
}

/* Quotation marks: as many that open as that close. German opens low and closes with the mark that
 * opens in English; French and Spanish set guillemets, German and Danish turn them round. */
static bool quotes_match(const char *text, size_t len, bool *any) {
  size_t low = occurrences(text, len, "\xe2\x80\x9e");
  size_t left = occurrences(text, len, "\xe2\x80\x9c"),
         right = occurrences(text, len, "\xe2\x80\x9d");
  size_t french = occurrences(text, len, "\xc2\xab"), turned = occurrences(text, len, "\xc2\xbb");
  size_t straight = occurrences(text, len, "\"");
  *any = low + left + right + french + turned + straight > 0;
  bool curly = low > 0 ? low == left + right : left == right;
  return curly && french == turned && straight % 2 == 0;
}

static bool brackets_match(const char *text, size_t len) {
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
    if (occurrences(text, len, pairs[i].open) != occurrences(text, len, pairs[i].shut))
      return false;
  return true;
}

/* Counts letters; false for a text that is not UTF-8, does not begin like a sentence, or is mostly
 * something other than words. */
static bool looks_like_text(const char *text, size_t len) {
  size_t all = 0, letters = 0, upper = 0, wide;
  for (size_t pos = 0; pos < len; pos += wide) {
    int32_t c;
    wide = words_character(text + pos, len - pos, &c);
    if (c < 0 || c == 0xfffd || c == 0x7f || (c < 0x20 && !(c >= '\t' && c <= '\r')))
      return false;
    utf8proc_category_t category = utf8proc_category(c);
    if (pos == 0 && category == UTF8PROC_CATEGORY_LL)
      return false;
    bool letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_MC;
    bool space = c <= 0x20 || category == UTF8PROC_CATEGORY_ZS;
    upper += category == UTF8PROC_CATEGORY_LU;
    letters += letter;
    all += !space;
  }
  return (double)letters >= LETTERS_MIN * (double)all &&
         (double)upper <= UPPER_MAX * (double)letters;
}

/* The folded words between single spaces, with a space at each end; cut at FOLDED_MAX. */
static void fold(const char *text, size_t len, const char *language, char *out,
                 struct prose *prose) {
  struct words words;
  struct word word;
  size_t used = 0;
  out[used++] = ' ';
  words_init(&words, text, len, language);
  while (words_next(&words, &word)) {
    if (used == 1)
      prose->leans = (word.roles & STOPWORD_LEANS) != 0;
    prose->person = prose->person || (word.roles & STOPWORD_PERSON) != 0;
    prose->figures = prose->figures || word.number;
    size_t n = strlen(words.folded);
    if (used + n + 2 > FOLDED_MAX)
      break;
    memcpy(out + used, words.folded, n);
    used += n;
    out[used++] = ' ';
  }
  out[used] = '\0';
}

static bool is_boilerplate(const char *folded) {
  for (size_t i = 0; i < sizeof boilerplate / sizeof boilerplate[0]; i++)
    if (strstr(folded, boilerplate[i]) != NULL)
      return true;
  return false;
}

static bool is_caption(const char *text, size_t len, const char *folded) {
  size_t n = strcspn(folded + 1, " ");
  const char *colon = memchr(text, ':', len < n + 8 ? len : n + 8);
  const char *found = memmem(captions, sizeof captions - 1, folded, n + 2);
  return colon != NULL && n > 0 && found != NULL;
}

static bool ends_leaning(const char *folded) {
  size_t len = strlen(folded);
  for (size_t i = 0; i < sizeof leaning_last / sizeof leaning_last[0]; i++) {
    size_t n = strlen(leaning_last[i]);
    if (len >= n && strcmp(folded + len - n, leaning_last[i]) == 0)
      return true;
  }
  return false;
}

static bool has_foreign(const char *text, size_t len) {
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
    if (occurrences(text, len, foreign[i]) > 0)
      return true;
  return false;
}

struct prose prose_judge(const char *text, size_t len, const char *language) {
  struct prose prose = {0}, unfit = {0};
  char folded[FOLDED_MAX + 1];
  int64_t n = words_count(text, len);
  if (n < PROSE_WORDS_MIN || n > PROSE_WORDS_MAX || has_foreign(text, len) ||
      !looks_like_text(text, len) || !brackets_match(text, len) ||
      !quotes_match(text, len, &prose.quote))
    return unfit;
  fold(text, len, language, folded, &prose);
  if ((n <= CALL_WORDS_MAX && is_boilerplate(folded)) || is_caption(text, len, folded))
    return unfit;
  prose.leans = prose.leans || ends_leaning(folded);
  for (size_t i = 0; i < sizeof leaning / sizeof leaning[0]; i++)
    prose.leans = prose.leans || strncmp(folded, leaning[i], strlen(leaning[i])) == 0;
  char last = text[len - 1];
  prose.question = last == '?' || (len >= 3 && memcmp(text + len - 3, "\xef\xbc\x9f", 3) == 0);
  prose.fit = true;
  return prose;
}
