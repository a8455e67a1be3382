#include "wording.h"

#include <string.h>

#define ADD_FEEDS "`galley feed add URL`"

static const struct wording wordings[] = {
    {.language = "en",
     .summary = "Summary",
     .details = "Details",
     .further = "Further points",
     .timeline = "Timeline of coverage",
     .sources = "Sources",
     .untitled = "Untitled",
     .note =
         "Extracts from collected documents, quoted word for word; the number behind each names "
         "its source. Documents used: {used} of {matching} that match. As of {date}.",
     .few =
         "Too few sources for a full report. Documents used: {used}; words quoted: {words}; words "
         "wanted: {target}. To get more, add feeds with " ADD_FEEDS
         ", let them be collected, and research the topic again."},
    {.language = "de",
     .summary = "Zusammenfassung",
     .details = "Einzelheiten",
     .further = "Weitere Punkte",
     .timeline = "Chronologie der Berichte",
     .sources = "Quellen",
     .untitled = "Ohne Titel",
     .note = "Auszüge aus gesammelten Dokumenten, wörtlich zitiert; die Nummer dahinter nennt die "
             "Quelle. Verwendete Dokumente: {used} von {matching} passenden. Stand: {date}.",
     .few = "Zu wenige Quellen für einen vollen Bericht. Verwendete Dokumente: {used}; zitierte "
            "Wörter: {words}; gewünschte Wörter: {target}. Für mehr: mit " ADD_FEEDS
            " Feeds hinzufügen, sammeln lassen und das Thema erneut recherchieren."},
    {.language = "fr",
     .summary = "Résumé",
     .details = "Détails",
     .further = "Autres points",
     .timeline = "Chronologie des publications",
     .sources = "Sources",
     .untitled = "Sans titre",
     .note = "Extraits de documents collectés, cités mot pour mot ; le numéro qui suit indique la "
             "source. Documents utilisés : {used} sur {matching} pertinents. État au {date}.",
     .few =
         "Trop peu de sources pour un rapport complet. Documents utilisés : {used} ; mots cités : "
         "{words} ; mots souhaités : {target}. Pour aller plus loin, ajoutez des flux "
         "avec " ADD_FEEDS ", laissez-les être collectés, puis relancez la recherche."},
    {.language = "es",
     .summary = "Resumen",
     .details = "Detalles",
     .further = "Otros puntos",
     .timeline = "Cronología de las publicaciones",
     .sources = "Fuentes",
     .untitled = "Sin título",
     .note =
         "Extractos de documentos recopilados, citados palabra por palabra; el número que sigue "
         "indica la fuente. Documentos utilizados: {used} de {matching} pertinentes. A fecha de "
         "{date}.",
     .few =
         "Hay muy pocas fuentes para un informe completo. Documentos utilizados: {used}; palabras "
         "citadas: {words}; palabras deseadas: {target}. Para obtener más, añada fuentes "
         "con " ADD_FEEDS ", deje que se recopilen y vuelva a investigar el tema."},
    {.language = "it",
     .summary = "Sintesi",
     .details = "Dettagli",
     .further = "Altri punti",
     .timeline = "Cronologia delle pubblicazioni",
     .sources = "Fonti",
     .untitled = "Senza titolo",
     .note = "Estratti da documenti raccolti, citati parola per parola; il numero che segue indica "
             "la fonte. Documenti usati: {used} su {matching} pertinenti. Aggiornato al {date}.",
     .few =
         "Troppo poche fonti per un rapporto completo. Documenti usati: {used}; parole citate: "
         "{words}; parole desiderate: {target}. Per averne di più, aggiungere feed con " ADD_FEEDS
         ", attendere la raccolta e ripetere la ricerca."},
    {.language = "nl",
     .summary = "Samenvatting",
     .details = "Details",
     .further = "Overige punten",
     .timeline = "Tijdlijn van de berichten",
     .sources = "Bronnen",
     .untitled = "Zonder titel",
     .note =
         "Fragmenten uit verzamelde documenten, woordelijk aangehaald; het nummer erachter noemt "
         "de bron. Gebruikte documenten: {used} van {matching} passende. Stand: {date}.",
     .few =
         "Te weinig bronnen voor een volledig rapport. Gebruikte documenten: {used}; aangehaalde "
         "woorden: {words}; gewenste woorden: {target}. Voeg voor meer feeds toe met " ADD_FEEDS
         ", laat ze verzamelen en onderzoek het onderwerp opnieuw."},
    {.language = "pt",
     .summary = "Resumo",
     .details = "Detalhes",
     .further = "Outros pontos",
     .timeline = "Cronologia das publicações",
     .sources = "Fontes",
     .untitled = "Sem título",
     .note =
         "Trechos de documentos coletados, citados palavra por palavra; o número que segue indica "
         "a fonte. Documentos usados: {used} de {matching} pertinentes. Situação em {date}.",
     .few = "Há poucas fontes para um relatório completo. Documentos usados: {used}; palavras "
            "citadas: {words}; palavras desejadas: {target}. Para obter mais, adicione feeds "
            "com " ADD_FEEDS ", espere a coleta e pesquise o tema de novo."},
};

const struct wording *wording_for(const char *language) {
  for (size_t i = 0; i < sizeof wordings / sizeof wordings[0]; i++)
    if (strncmp(wordings[i].language, language, 2) == 0 && strcspn(language, "-_") == 2)
      return &wordings[i];
  return &wordings[0];
}

static void add_value(struct strbuf *out, const char *name, size_t len,
                      const struct wording_values *values) {
  const struct {
    const char *name;
    int64_t value;
  } numbers[] = {{"used", values->used},
                 {"matching", values->matching},
                 {"words", values->words},
                 {"target", values->target}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    if (strlen(numbers[i].name) == len && memcmp(numbers[i].name, name, len) == 0) {
      strbuf_printf(out, "%lld", (long long)numbers[i].value);
      return;
    }
  if (len == 4 && memcmp(name, "date", 4) == 0)
    strbuf_puts(out, values->date);
}

void wording_add(struct strbuf *out, const char *text, const struct wording_values *values) {
  while (*text != '\0') {
    size_t plain = strcspn(text, "{");
    strbuf_add(out, text, plain);
    text += plain;
    if (*text != '{')
      continue;
    size_t name = strcspn(text, "}");
    add_value(out, text + 1, name - 1, values);
    text += name + 1;
  }
}
