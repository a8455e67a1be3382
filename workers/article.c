#include "article.h"
#include "galley.h"
#include "wording.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

#define NOTICE_WORDS_MAX 80 /* a longer paragraph speaks of other things */

/* ---- headings that tell what a section is ---- */

/* Folded as galley_text_fold does. */
static const char *const summary_headings[] = {
    "summary",
    "executive summary",
    "key points",
    "key findings",
    "key takeaways",
    "at a glance",
    "in brief",
    "overview",
    "tl;dr",
    "zusammenfassung",
    "kurzfassung",
    "das wichtigste",
    "das wichtigste in kürze",
    "auf einen blick",
    "wichtigste punkte",
    "kernpunkte",
    "überblick",
    "résumé",
    "en bref",
    "points clés",
    "l’essentiel",
    "l'essentiel",
    "synthèse",
    "resumen",
    "puntos clave",
    "en resumen",
    "lo esencial",
    "sintesi",
    "riassunto",
    "in breve",
    "punti chiave",
    "punti principali",
    "samenvatting",
    "kernpunten",
    "belangrijkste punten",
    "in het kort",
    "resumo",
    "pontos-chave",
    "pontos principais",
    "em resumo",
    "em síntese",
    "要約",
    "概要",
    "まとめ",
    "摘要",
    "резюме",
    "σύνοψη",
    "περίληψη",
};
static const char *const source_headings[] = {
    "sources",
    "source",
    "references",
    "citations",
    "bibliography",
    "works cited",
    "quellen",
    "quellenverzeichnis",
    "quellenangaben",
    "literatur",
    "literaturverzeichnis",
    "belege",
    "références",
    "bibliographie",
    "fuentes",
    "referencias",
    "bibliografía",
    "fonti",
    "riferimenti",
    "bibliografia",
    "bronnen",
    "referenties",
    "bronvermelding",
    "fontes",
    "referências",
    "出典",
    "参考文献",
    "参考資料",
    "情報源",
    "来源",
    "источники",
    "πηγές",
    "πηγες",
};

static bool is_listed(const char *fold, const char *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(fold, list[i]) == 0)
      return true;
  return false;
}

/* False without memory. */
static bool part_of(const struct markdown_block *heading, enum article_part *part) {
  char *fold = galley_text_fold(heading->plain);
  if (fold == NULL)
    return false;
  size_t len = strlen(fold);
  while (len > 0 && strchr(" :.", fold[len - 1]) != NULL)
    fold[--len] = '\0';
  const char *words = fold + strspn(fold, "0123456789.) "); /* "5. Sources" */
  const size_t size = sizeof summary_headings[0];
  *part = ARTICLE_BODY;
  if (is_listed(words, summary_headings, sizeof summary_headings / size))
    *part = ARTICLE_SUMMARY;
  else if (is_listed(words, source_headings, sizeof source_headings / size))
    *part = ARTICLE_SOURCES;
  galley_free(fold);
  return true;
}

/* A last section that is a list of links and nothing else is the sources, whatever it is called. */
static bool is_list_of_links(const struct article_section *section) {
  for (size_t i = 0; i < section->n; i++)
    if (section->blocks[i].kind != MARKDOWN_ITEM || section->blocks[i].url == NULL)
      return false;
  return section->n > 0;
}

static bool is_dated(const char *text) {
  static const char form[] = "0000-00-00";
  for (size_t i = 0; form[i] != '\0'; i++)
    if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
      return false;
  return true;
}

static bool is_timeline(const struct article_section *section) {
  for (size_t i = 0; i < section->n; i++) {
    const struct markdown_block *block = &section->blocks[i];
    if (block->kind != MARKDOWN_ITEM || !is_dated(block->plain) || strchr(block->text, '[') == NULL)
      return false;
  }
  return section->n > 0;
}

/* ---- sections ---- */

/* The first block past the title, and the level of the headings that part sections: the highest one
 * that is left. False without memory. */
static bool find_level(struct article *article, size_t *first) {
  const struct markdown *markdown = &article->markdown;
  enum article_part part = ARTICLE_SUMMARY;
  *first = 0;
  if (markdown->n_blocks > 0 && markdown->blocks[0].kind == MARKDOWN_HEADING &&
      !part_of(&markdown->blocks[0], &part))
    return false;
  if (part == ARTICLE_BODY) {
    size_t alike = 0;
    for (size_t i = 1; i < markdown->n_blocks; i++)
      alike += markdown->blocks[i].kind == MARKDOWN_HEADING &&
               markdown->blocks[i].level <= markdown->blocks[0].level;
    if (alike == 0 || markdown->blocks[0].level == 1) {
      article->title = markdown->blocks[0].plain;
      *first = 1;
    }
  }
  article->level = 6;
  for (size_t i = *first; i < markdown->n_blocks; i++)
    if (markdown->blocks[i].kind == MARKDOWN_HEADING && markdown->blocks[i].level < article->level)
      article->level = markdown->blocks[i].level;
  return true;
}

static bool parts_sections(const struct article *article, const struct markdown_block *block) {
  return block->kind == MARKDOWN_HEADING && block->level == article->level && block->depth == 0 &&
         !block->quoted;
}

static bool cut_sections(struct article *article, size_t first) {
  const struct markdown_block *blocks = article->markdown.blocks;
  struct article_section *section = &article->sections[article->n++];
  *section = (struct article_section){.part = ARTICLE_LEAD,
                                      .blocks = blocks != NULL ? blocks + first : NULL};
  for (size_t i = first; i < article->markdown.n_blocks; i++) {
    if (parts_sections(article, &blocks[i])) {
      section = &article->sections[article->n++];
      *section = (struct article_section){.heading = &blocks[i], .blocks = blocks + i + 1};
      if (!part_of(&blocks[i], &section->part))
        return false;
    } else {
      section->n++;
    }
    section->words += words_count(blocks[i].plain, strlen(blocks[i].plain));
  }
  if (section->part == ARTICLE_BODY && is_list_of_links(section))
    section->part = ARTICLE_SOURCES;
  for (size_t i = 0; i < article->n; i++)
    if (article->sections[i].part == ARTICLE_BODY && is_timeline(&article->sections[i]))
      article->sections[i].part = ARTICLE_TIMELINE;
  return true;
}

/* ---- remarks about the report itself ---- */

static bool is_note(const struct markdown_block *block) {
  size_t len = strlen(block->text);
  return block->kind == MARKDOWN_PARAGRAPH && len > 2 && block->text[0] == '*' &&
         block->text[1] != '*' && strchr(block->text + 1, '*') == block->text + len - 1;
}

static const char *const source_words[] = {
    "source", "document", "quelle", "dokument", "fuente", "fonte", "fonti", "bron",
};
static const char *const few_words[] = {
    "few",       "only",        "too little",  "not enough",    "insufficient", "limited",
    "no source", "one source",  "wenig",       "nur",           "kein",         "reichen nicht",
    "peu",       "seulement",   "insuffisant", "trop",          "aucune",       "pocas",
    "pocos",     "solo",        "sólo",        "ninguna",       "insuficiente", "poche",
    "pochi",     "soltanto",    "nessuna",     "insufficienti", "weinig",       "slechts",
    "alleen",    "onvoldoende", "geen",        "poucas",        "poucos",       "apenas",
    "nenhuma",
};

static bool holds_any(const char *text, const char *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strstr(text, list[i]) != NULL)
      return true;
  return false;
}

/* False without memory. */
static bool is_notice(const struct markdown_block *block, bool *notice) {
  *notice = false;
  if (block->kind != MARKDOWN_PARAGRAPH || block->depth > 0 ||
      words_count(block->plain, strlen(block->plain)) > NOTICE_WORDS_MAX)
    return true;
  char *fold = galley_text_fold(block->plain);
  if (fold == NULL)
    return false;
  const size_t size = sizeof source_words[0];
  *notice = holds_any(fold, source_words, sizeof source_words / size) &&
            holds_any(fold, few_words, sizeof few_words / size);
  galley_free(fold);
  return true;
}

static bool find_remarks(struct article *article) {
  for (size_t i = 0; i < article->markdown.n_blocks; i++) {
    bool notice = false;
    if (!is_notice(&article->markdown.blocks[i], &notice))
      return false;
    article->remarks[i] = notice ? ARTICLE_NOTICE : ARTICLE_NO_REMARK;
  }
  const struct article_section *lead = &article->sections[0];
  for (size_t i = 0; i < lead->n; i++)
    if (is_note(&lead->blocks[i]))
      article->remarks[&lead->blocks[i] - article->markdown.blocks] = ARTICLE_NOTE;
  return true;
}

enum article_remark article_remark(const struct article *article,
                                   const struct markdown_block *block) {
  return article->remarks[block - article->markdown.blocks];
}

bool article_says_few(const struct article *article, bool quoted_only) {
  for (size_t i = 0; i < article->n; i++) {
    const struct article_section *section = &article->sections[i];
    for (size_t k = 0; section->part != ARTICLE_BODY && k < section->n; k++)
      if (article_remark(article, &section->blocks[k]) == ARTICLE_NOTICE &&
          (section->blocks[k].quoted || !quoted_only))
        return true;
  }
  return false;
}

/* ---- the whole ---- */

enum markdown_result article_read(const char *report, struct article *out) {
  *out = (struct article){0};
  enum markdown_result result = markdown_parse(report, &out->markdown);
  if (result != MARKDOWN_PARSED)
    return result;
  size_t first = 0;
  out->sections = calloc(out->markdown.n_blocks + 1, sizeof *out->sections);
  out->remarks = calloc(out->markdown.n_blocks + 1, sizeof *out->remarks);
  if (out->sections != NULL && out->remarks != NULL && find_level(out, &first) &&
      cut_sections(out, first) && find_remarks(out))
    return MARKDOWN_PARSED;
  article_fini(out);
  return MARKDOWN_NO_MEMORY;
}

void article_fini(struct article *article) {
  markdown_fini(&article->markdown);
  free(article->sections);
  free(article->remarks);
  *article = (struct article){0};
}

bool article_is_named(const struct article_section *section, const char *language) {
  const struct wording *wording = wording_for(language);
  return section->heading != NULL && strcmp(section->heading->plain, wording->details) != 0 &&
         strcmp(section->heading->plain, wording->further) != 0;
}
