#include "write_words.h"

#include <string.h>

static const struct write_words table[] = {
    {
        .language = "en",
        .about_many = "This post brings together what {a} sources say about “{b}”.",
        .about_one = "This post sums up what one source says about “{b}”.",
        .about = "This post is about “{b}”.",
        .dated_many = "The sources date from {a} to {b}.",
        .dated_one = "The source dates from {a}.",
        .covers = "Topics covered: {a}.",
        .and = " and ",
        .key_points = "Key points",
        .sources = "Sources",
        .few_sources = "Based on few sources.",
    },
    {
        .language = "de",
        .about_many = "Dieser Beitrag fasst zusammen, was {a} Quellen über „{b}“ berichten.",
        .about_one = "Dieser Beitrag fasst zusammen, was eine Quelle über „{b}“ berichtet.",
        .about = "In diesem Beitrag geht es um „{b}“.",
        .dated_many = "Die Quellen stammen aus der Zeit vom {a} bis {b}.",
        .dated_one = "Die Quelle stammt vom {a}.",
        .covers = "Die Themen: {a}.",
        .and = " und ",
        .key_points = "Das Wichtigste",
        .sources = "Quellen",
        .few_sources = "Auf der Grundlage weniger Quellen.",
    },
    {
        .language = "fr",
        .about_many = "Cet article réunit ce que {a} sources disent au sujet de «\u00a0{b}\u00a0».",
        .about_one = "Cet article résume ce qu’une source dit au sujet de «\u00a0{b}\u00a0».",
        .about = "Cet article porte sur «\u00a0{b}\u00a0».",
        .dated_many = "Les sources datent du {a} au {b}.",
        .dated_one = "La source date du {a}.",
        .covers = "Thèmes abordés\u00a0: {a}.",
        .and = " et ",
        .key_points = "L’essentiel",
        .sources = "Sources",
        .few_sources = "D’après un petit nombre de sources.",
    },
    {
        .language = "es",
        .about_many = "Este artículo reúne lo que dicen {a} fuentes sobre «{b}».",
        .about_one = "Este artículo resume lo que dice una fuente sobre «{b}».",
        .about = "Este artículo trata de «{b}».",
        .dated_many = "Las fuentes van del {a} al {b}.",
        .dated_one = "La fuente es del {a}.",
        .covers = "Temas tratados: {a}.",
        .and = " y ",
        .key_points = "Puntos clave",
        .sources = "Fuentes",
        .few_sources = "A partir de pocas fuentes.",
    },
    {
        .language = "it",
        .about_many = "Questo articolo raccoglie ciò che {a} fonti dicono su «{b}».",
        .about_one = "Questo articolo riassume ciò che una fonte dice su «{b}».",
        .about = "Questo articolo parla di «{b}».",
        .dated_many = "Le fonti vanno dal {a} al {b}.",
        .dated_one = "La fonte è del {a}.",
        .covers = "Temi trattati: {a}.",
        .and = " e ",
        .key_points = "Punti chiave",
        .sources = "Fonti",
        .few_sources = "Sulla base di poche fonti.",
    },
    {
        .language = "nl",
        .about_many = "Dit artikel brengt samen wat {a} bronnen over “{b}” zeggen.",
        .about_one = "Dit artikel vat samen wat één bron over “{b}” zegt.",
        .about = "Dit artikel gaat over “{b}”.",
        .dated_many = "De bronnen dateren van {a} tot {b}.",
        .dated_one = "De bron dateert van {a}.",
        .covers = "Onderwerpen: {a}.",
        .and = " en ",
        .key_points = "Belangrijkste punten",
        .sources = "Bronnen",
        .few_sources = "Op basis van weinig bronnen.",
    },
    {
        .language = "pt",
        .about_many = "Este artigo reúne o que {a} fontes dizem sobre “{b}”.",
        .about_one = "Este artigo resume o que uma fonte diz sobre “{b}”.",
        .about = "Este artigo trata de “{b}”.",
        .dated_many = "As fontes vão de {a} a {b}.",
        .dated_one = "A fonte é de {a}.",
        .covers = "Temas abordados: {a}.",
        .and = " e ",
        .key_points = "Pontos principais",
        .sources = "Fontes",
        .few_sources = "Com base em poucas fontes.",
    },
};

const struct write_words *write_words_of(const char *language) {
  for (size_t i = 0; language != NULL && i < sizeof table / sizeof table[0]; i++)
    if (strcmp(table[i].language, language) == 0)
      return &table[i];
  return &table[0];
}

void write_words_add(struct strbuf *out, const char *phrase, const char *a, const char *b) {
  while (*phrase != '\0') {
    size_t n = strcspn(phrase, "{");
    strbuf_add(out, phrase, n);
    phrase += n;
    if (strncmp(phrase, "{a}", 3) == 0) {
      strbuf_puts(out, a);
      phrase += 3;
    } else if (strncmp(phrase, "{b}", 3) == 0) {
      strbuf_puts(out, b);
      phrase += 3;
    } else if (*phrase != '\0') {
      strbuf_putc(out, *phrase++);
    }
  }
}
