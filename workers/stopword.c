#include "stopword.h"

#include <string.h>

/* Sorted by the word alone. What follows the letters are its roles: '+' opens a noun phrase, '^'
 * leans on the sentence before, '1' first or second person. Words as "year" or "people" stand here
 * too: they name no subject. */
/* clang-format off */
static const char *const english[] = {
    "a+", "able", "about+", "above+", "according", "accordingly^", "across+", "added",
    "additionally^", "after+", "again", "against+", "all", "almost", "along+", "already", "also^",
    "although", "always", "am", "among+", "an+", "and^", "another+^", "any", "april", "are",
    "aren", "around+", "as", "at+", "august", "available", "average", "back", "be", "became",
    "because", "become", "becomes", "been", "before", "being", "below+", "besides^", "best",
    "better", "between+", "beyond+", "big", "billion", "both^", "but^", "by+", "called", "came",
    "can", "cannot", "case", "cases", "cent", "cents", "come", "comes", "consequently^",
    "conversely^", "could", "couldn", "currently", "day", "days", "december", "degree", "degrees",
    "did", "didn", "different", "do", "does", "doesn", "doing", "dollar", "dollars", "don", "done",
    "down", "dozen", "during+", "each+", "early", "either", "enough", "especially", "euro",
    "euros", "even", "evening", "ever", "every+", "everyone", "everything", "example", "far",
    "february", "few", "fewer", "finally^", "first", "five", "for+", "four", "friday", "from+",
    "further^", "furthermore^", "gave", "get", "gets", "getting", "give", "given", "gives", "go",
    "goes", "going", "good", "got", "great", "had", "half", "hardly", "has", "have", "having",
    "he^", "hence^", "her+^", "here^", "hers", "herself", "high", "higher", "him", "himself",
    "his+^", "hour", "hours", "how", "however^", "hundred", "hundreds", "i1", "if", "important",
    "in+", "including", "indeed^", "inside+", "instead^", "into+", "is", "isn", "it^", "its+^",
    "itself", "january", "july", "june", "just", "keep", "kept", "kilometre", "kilometres",
    "kilowatt", "kilowatts", "know", "large", "last", "late", "later^", "least", "less", "let",
    "like", "likely", "likewise^", "little", "ll", "long", "longer", "look", "lot", "lower",
    "made", "main", "mainly", "make", "makes", "making", "many", "march", "may", "maybe", "me1",
    "mean", "means", "meanwhile^", "meter", "meters", "metre", "metres", "might", "million",
    "mine1", "minute", "minutes", "monday", "month", "months", "more", "moreover^", "morning",
    "most", "mostly", "much", "must", "my+1", "myself1", "near", "nearly", "need", "needs",
    "neither", "never", "nevertheless^", "new", "next", "night", "no", "nobody", "nonetheless^",
    "nor^", "not", "nothing", "november", "now", "number", "october", "of+", "off", "often", "old",
    "on+", "once", "one", "only", "onto+", "open", "or^", "other^", "others^", "otherwise^",
    "our+1", "ours1", "out", "over+", "own", "part", "particularly", "people", "per+", "percent",
    "perhaps", "possible", "pound", "pounds", "put", "quarter", "quite", "rarely", "rather",
    "really", "recent", "recently", "right", "roughly", "said", "same", "saturday", "saw", "say",
    "saying", "says", "see", "seen", "september", "several", "shall", "she^", "should", "shouldn",
    "show", "showed", "showing", "shows", "similar^", "similarly^", "simply", "since", "single",
    "six", "small", "so^", "some", "something", "sometimes", "soon", "still^", "such^", "sunday",
    "take", "taken", "takes", "ten", "tenth", "than", "that^", "the+", "their+^", "theirs", "them",
    "themselves", "then^", "there^", "therefore^", "these+^", "they^", "thing", "things", "think",
    "third", "thirds", "this+^", "those+^", "though", "thousand", "thousands", "three", "through+",
    "throughout+", "thursday", "thus^", "time", "times", "to+", "today", "together", "told",
    "too^", "took", "toward+", "towards+", "tuesday", "turn", "two", "under+", "unless", "until",
    "up", "upon+", "us1", "use", "used", "uses", "using", "usually", "various", "ve", "very",
    "via+", "want", "wants", "was", "wasn", "way", "ways", "we1", "wednesday", "week", "weeks",
    "well", "went", "were", "weren", "what", "whatever", "when", "where", "whereas", "whether",
    "which", "while", "who", "whole", "whom", "whose", "why", "will", "with+", "within+",
    "without+", "won", "would", "wouldn", "year", "years", "yes", "yesterday", "yet^", "you1",
    "your+1", "yourself1",
};
static const char *const german[] = {
    "ab+", "abend", "aber^", "alle", "allein", "allem", "allen", "aller", "allerdings^", "alles",
    "als", "also^", "am+", "an+", "andere^", "anderen", "anderer", "anderes^", "anders", "anfang",
    "angaben", "ansicht", "april", "art", "auch^", "auf+", "august", "aus+", "ausser",
    "ausserdem^", "bald", "bei+", "beide^", "beiden", "beim+", "beispiel", "beispielsweise^",
    "bereits", "besonders", "besser", "bevor", "bin", "bis+", "bisher", "bislang", "bleibt",
    "blick", "bringt", "cent", "da", "dabei^", "dadurch^", "dafur^", "dagegen^", "daher^",
    "dahinter^", "damals^", "damit^", "danach^", "daneben^", "dann^", "daran^", "darauf^",
    "daraus^", "darf", "darin^", "daruber^", "darum^", "darunter^", "das+", "dass", "davon^",
    "davor^", "dazu^", "dein+1", "deine+1", "dem+", "demnach^", "den+", "denen", "denn^",
    "dennoch^", "der+", "deren+", "derzeit", "des+", "deshalb^", "dessen+^", "desto", "deswegen^",
    "dezember", "dich1", "die+", "dienstag", "dies^", "diese+^", "diesem+^", "diesen+^",
    "dieser+^", "dieses+^", "dinge", "dir1", "doch^", "donnerstag", "dort^", "drei", "drittel",
    "du1", "durch+", "durchschnitt", "durfen", "dutzend", "ebenfalls^", "ebenso^", "ehe", "eher",
    "eigentlich", "ein+", "eine+", "einem+", "einen+", "einer+", "eines+", "einfach", "einige",
    "einigen", "einiger", "einmal", "ende", "er^", "ergebnis^", "erst", "erste", "ersten", "es^",
    "etwa", "etwas", "euch1", "euer+1", "euro", "fall", "falle", "fallen", "fast", "februar",
    "ferner^", "folglich^", "frage", "fragen", "freitag", "fruh", "fur+", "ganz", "gar", "geben",
    "gegen+", "gegenuber+", "geht", "gemacht", "genau", "genug", "gerade", "gern", "gibt", "gilt",
    "gleich", "gleichzeitig^", "grad", "grosse", "grossen", "grosser", "grosses", "grosste",
    "grund", "gut", "gute", "guten", "hab", "habe1", "haben", "halfte", "hat", "hatte", "hatten",
    "her", "heute", "hier^", "hilfe", "hin", "hingegen^", "hinter+", "hinzu^", "hoch", "hohe",
    "hohen", "hoher", "hundert", "ich1", "ihm^", "ihn", "ihnen", "ihr+^", "ihre+^", "ihrem+^",
    "ihren+^", "ihrer+^", "ihres+^", "im+", "immer", "in+", "indem", "indes^", "infolgedessen^",
    "ins+", "insgesamt", "inzwischen^", "ist", "ja", "jahr", "jahre", "jahren", "jahres", "januar",
    "je", "jede+", "jedem+", "jeden+", "jeder+", "jedes+", "jedoch^", "jene+^", "jener+^", "jetzt",
    "juli", "juni", "kam", "kann", "kaum", "kein+", "keine+", "keinem+", "keinen+", "keiner",
    "keines", "kilometer", "kilowatt", "kilowattstunden", "klar", "kleine", "kleinen", "komme",
    "kommen", "kommt", "konnen", "konnte", "konnten", "kunftig", "lange", "langer", "lassen",
    "lasst", "laut+", "letzten", "liegen", "liegt", "machen", "macht", "mai", "mal", "man", "marz",
    "mehr", "mehrere", "mein+1", "meine+1", "meinem+1", "meinen+1", "meiner+1", "meist", "meisten",
    "menschen", "meter", "mich1", "milliarde", "milliarden", "million", "millionen", "minute",
    "minuten", "mir1", "mit+", "mitte", "mittel", "mittlerweile^", "mittwoch", "monat", "monate",
    "monaten", "montag", "morgen", "muss", "mussen", "musste", "mussten", "nach+", "nachdem",
    "nacht", "nahe", "namlich^", "neben+", "nehmen", "nein", "neu", "neue", "neuem", "neuen",
    "neuer", "neues", "nicht", "nichts", "nie", "niemand", "noch", "november", "nun", "nur", "ob",
    "obwohl", "oder^", "oft", "ohne+", "oktober", "paar", "pro+", "prozent", "rahmen", "rund",
    "sagt", "sagte", "samstag", "schliesslich^", "schon", "sehr", "sei", "seien", "sein+^",
    "seine+^", "seinem+^", "seinen+^", "seiner+^", "seines+^", "seit+", "seitdem^", "seite",
    "selbst", "september", "sich", "sie^", "sind", "so^", "sobald", "sodass", "sofern", "sogar",
    "sogenannte", "solange", "solche^", "solchen", "solcher^", "soll", "sollen", "sollte",
    "sollten", "somit^", "sondern^", "sonntag", "sonst^", "soweit", "sowie", "sowohl^", "stark",
    "statt+", "stattdessen^", "stehen", "steht", "stunde", "stunden", "tag", "tage", "tagen",
    "tausend", "teil", "thema", "trotz+", "trotzdem^", "tun", "uber+", "uberhaupt", "ubrigens^",
    "uhr", "um+", "und^", "uns1", "unser+1", "unsere+1", "unseren+1", "unserer+1", "unter+",
    "vergangenen", "vergleich", "viel", "viele", "vielen", "vieler", "vielmehr^", "vier",
    "viertel", "voll", "vom+", "von+", "vor+", "vorerst", "vorher", "wahrend+", "war", "waren",
    "warum", "was", "weg", "wegen+", "weil", "weise", "weit", "weiter", "weitere^", "weiteren",
    "weiterer^", "weiteres^", "weiterhin", "welche", "welchem", "welchen", "welcher", "welches",
    "wenig", "wenigen", "weniger", "wenn", "wer", "werde", "werden", "wie", "wieder", "will",
    "wir1", "wird", "wo", "wobei", "woche", "wochen", "wohl", "wollen", "wurde", "wurden", "zahl",
    "zehn", "zeigt", "zeit", "zu+", "zudem^", "zuletzt", "zum+", "zumal", "zunachst", "zur+",
    "zuruck", "zwar^", "zwei", "zweite", "zwischen+", "zwolf",
};
static const char *const french[] = {
    "a+", "afin", "ai1", "ainsi^", "alors^", "an", "annee", "annees", "ans", "aout", "apres+",
    "as", "assez", "au+", "aucun+", "aucune+", "aujourd", "aupres+", "aussi^", "autant", "autour+",
    "autre^", "autres^", "aux+", "avaient", "avait", "avant+", "avec+", "avez1", "avoir", "avons1",
    "avril", "beaucoup", "bien", "bon", "c^", "car^", "cas", "ce+^", "ceci^", "cela^", "celle^",
    "celles^", "celui^", "centimes", "cependant^", "certain", "certaine", "certaines", "certains",
    "ces+^", "cet+^", "cette+^", "ceux^", "chaque+", "chez+", "cinq", "comme", "comment",
    "contre+", "d+", "dans+", "de+", "decembre", "degre", "degres", "deja", "depuis+", "dernier",
    "derniere", "derniers", "des+", "desormais^", "deux", "devait", "devant+", "devra", "devrait",
    "dimanche", "dire", "dit", "dix", "doit", "doivent", "donc^", "dont", "du+", "durant+",
    "elle^", "elles^", "en", "encore", "enfin^", "ensuite^", "entre+", "environ", "es", "est",
    "et^", "etaient", "etait", "etant", "ete", "etes1", "etre", "eu", "euro", "euros", "eux",
    "exemple", "faire", "fait", "faut", "fevrier", "fois", "font", "grace", "grand", "grande",
    "grandes", "grands", "haut", "heure", "heures", "hui", "ici^", "il^", "ils^", "j1", "jamais",
    "janvier", "je1", "jeudi", "jour", "jours", "juillet", "juin", "jusqu", "jusque", "juste",
    "kilometre", "kilometres", "l+", "la+", "laquelle", "le+", "lequel", "les+", "lesquels",
    "leur+^", "leurs+^", "lors", "lorsque", "lui", "lundi", "m1", "ma+1", "mai", "mais^",
    "malgre+", "mardi", "mars", "me1", "meme^", "memes", "mercredi", "mes+1", "metre", "metres",
    "mieux", "milliards", "milliers", "millions", "minute", "minutes", "moi1", "moins", "mois",
    "moitie", "mon+1", "moyenne", "n", "ne", "neanmoins^", "ni^", "nombre", "non", "nos+1",
    "notamment", "notre+1", "nous1", "nouveau", "nouveaux", "nouvelle", "nouvelles", "novembre",
    "octobre", "on", "or^", "ou", "oui", "outre^", "par+", "parce", "parfois", "parmi+", "part",
    "pas", "pendant+", "personnes", "petit", "petite", "peu", "peut", "peuvent", "plus",
    "plusieurs", "plutot", "pour+", "pourcent", "pourquoi", "pourrait", "pourtant^", "pouvoir",
    "premier", "premiere", "pres", "presque", "puis^", "puisque", "qu", "quand", "quart", "quatre",
    "que", "quel", "quelle", "quelles", "quelque", "quelques", "quels", "qui", "quoi", "rien", "s",
    "sa+^", "samedi", "sans+", "se", "selon+", "sept", "septembre", "sera", "serait", "seront",
    "ses+^", "seul", "seule", "si", "six", "soit", "son+^", "sont", "sous+", "souvent", "suite^",
    "sur+", "surtout", "t1", "ta+1", "tandis", "tant", "te1", "tel", "telle", "telles", "tels",
    "temps", "tes+1", "tiers", "toi1", "ton+1", "toujours", "tous", "tout", "toute", "toutefois^",
    "toutes", "tres", "trois", "trop", "tu1", "un+", "une+", "va", "vendredi", "vers+", "voici^",
    "voila^", "voir", "vos+1", "votre+1", "vous1", "vraiment", "y",
};
static const char *const spanish[] = {
    "a+", "abril", "ademas^", "agosto", "ahora^", "al+", "algo", "algun", "alguna", "algunas",
    "alguno", "algunos", "alla", "ambos^", "ano", "anos", "ante+", "antes", "apenas", "aquel+",
    "aquella+", "aquellos+", "aqui^", "asi^", "aun", "aunque", "bajo+", "bastante", "bien", "buen",
    "buena", "cada+", "casi", "caso", "casos", "centimos", "ciento", "cinco", "como", "con+",
    "contra+", "cosa", "cosas", "cual", "cuales", "cuando", "cuanto", "cuatro", "cuya", "cuyo",
    "da", "dado", "de+", "debe", "deben", "debido", "decir", "dejar", "del+", "demas", "dentro+",
    "desde+", "despues^", "dia", "dias", "dice", "dicho", "diciembre", "diez", "domingo", "donde",
    "dos", "durante+", "e", "ejemplo", "el+", "ella^", "ellas^", "ello^", "ellos^", "embargo",
    "en+", "enero", "entonces^", "entre+", "era", "eran", "eres1", "es", "esa+^", "esas+^",
    "ese+^", "eso^", "esos+^", "esta+^", "estaba", "estaban", "estado", "estan", "estar",
    "estas+^", "este+^", "esto^", "estos+^", "estoy1", "euro", "euros", "febrero", "fin", "fue",
    "fuera+", "fueron", "grado", "grados", "gran", "grande", "grandes", "ha", "haber", "habia",
    "hace", "hacen", "hacer", "hacia+", "han", "hasta+", "hay", "he1", "hemos1", "hora", "horas",
    "hoy", "incluso", "ir", "jueves", "julio", "junio", "junto", "kilometros", "la+", "las+", "le",
    "les", "lo", "los+", "luego^", "lunes", "martes", "marzo", "mas", "mayo", "mayor", "mayoria",
    "me1", "media", "mediante+", "mejor", "menos", "mes", "meses", "metro", "metros", "mi+1",
    "mientras^", "miercoles", "mil", "miles", "millon", "millones", "minutos", "mis+1", "misma^",
    "mismo^", "mismos", "mitad", "mucha", "muchas", "mucho", "muchos", "muy", "nada", "ni^",
    "ningun+", "ninguna+", "no", "nos1", "nosotros1", "noviembre", "nuestra+1", "nuestro+1",
    "nuestros+1", "nueva", "nuevas", "nuevo", "nuevos", "nunca", "o^", "ocho", "octubre", "otra^",
    "otras^", "otro^", "otros^", "para+", "parte", "pero^", "personas", "poca", "poco", "pocos",
    "podria", "por+", "porque", "primer", "primera", "primero", "promedio", "pueda", "puede",
    "pueden", "pues^", "que", "quien", "quienes", "quiere", "sabado", "se", "sea", "sean",
    "segun+", "segundo", "seis", "semana", "semanas", "septiembre", "ser", "sera", "seran",
    "seria", "si", "sido", "siempre", "siendo", "siete", "sin+", "sino^", "sobre+", "sola", "solo",
    "somos1", "son", "su+^", "sus+^", "tal", "tales", "tambien^", "tampoco^", "tan", "tanto",
    "te1", "tener", "tenia", "tercio", "ti1", "tiempo", "tiene", "tienen", "toda", "todas",
    "todavia", "todo", "todos", "total", "tras+", "tres", "tu+1", "tus+1", "ultima", "ultimo",
    "ultimos", "un+", "una+", "unas+", "uno", "unos+", "usted1", "ustedes1", "va", "van", "varias",
    "varios", "veces", "vez", "viernes", "y^", "ya", "yo1",
};
static const char *const italian[] = {
    "a+", "abbiamo1", "ad+", "adesso", "agli+", "agosto", "ai+", "al+", "alcuna", "alcune",
    "alcuni", "alla+", "alle+", "allo+", "allora^", "altra^", "altre^", "altri^", "altro^",
    "anche^", "ancora", "anni", "anno", "appena", "aprile", "avere", "aveva", "avevano", "ben",
    "bene", "c", "casi", "caso", "centesimi", "cento", "che", "chi", "chilometri", "ci", "cinque",
    "cio^", "circa", "come", "comunque^", "con+", "contro+", "cosa", "cose", "cosi^", "cui", "da+",
    "dagli+", "dai+", "dal+", "dall+", "dalla+", "dalle+", "dallo+", "davanti", "degli+", "dei+",
    "del+", "dell+", "della+", "delle+", "dello+", "deve", "devono", "di+", "dice", "dicembre",
    "dieci", "dire", "domenica", "dopo+", "dove", "due", "dunque^", "durante+", "e^", "ecco^",
    "ed^", "egli^", "entro+", "era", "erano", "esempio", "essa^", "esse^", "essere", "essi^",
    "euro", "fa", "fare", "fatto", "febbraio", "fino", "fra+", "fu", "furono", "gennaio", "gia",
    "giorni", "giorno", "giovedi", "giugno", "gli+", "gradi", "grado", "grande", "grandi", "ha",
    "hanno", "ho1", "i+", "ieri", "il+", "in+", "infatti^", "infine^", "inoltre^", "insieme",
    "invece^", "io1", "l+", "la+", "le+", "lei^", "li", "lo+", "loro+^", "luglio", "lui^",
    "lunedi", "ma^", "maggio", "maggior", "mai", "martedi", "marzo", "me1", "media", "meglio",
    "meno", "mentre", "mercoledi", "mese", "mesi", "meta", "metri", "metro", "mi1", "mia+1",
    "miei+1", "migliaia", "mila", "miliardi", "milioni", "minuti", "mio+1", "molta", "molte",
    "molti", "molto", "ne", "negli+", "nei+", "nel+", "nell+", "nella+", "nelle+", "nello+",
    "nessun+", "nessuna+", "niente", "noi1", "non", "nostra+1", "nostri+1", "nostro+1", "nove",
    "novembre", "nulla", "nuova", "nuove", "nuovi", "nuovo", "o^", "oggi", "ogni+", "oltre+",
    "ora^", "ore", "otto", "ottobre", "parte", "per+", "perche", "percio^", "pero^", "persone",
    "piccolo", "piu", "pochi", "poco", "poi^", "possono", "prima", "primo", "propria", "proprio",
    "puo", "qualche+", "quale", "quali", "quando", "quanto", "quarto", "quasi", "quattro",
    "quella+^", "quelle+^", "quelli^", "quello+^", "questa+^", "queste+^", "questi+^", "questo+^",
    "qui^", "quindi^", "sabato", "sara", "saranno", "se", "secondo", "sei", "sempre", "senza+",
    "sette", "settembre", "settimana", "settimane", "si", "sia", "siamo1", "siano", "solo",
    "soltanto", "sono", "sopra+", "soprattutto", "sotto+", "spesso", "stata", "state", "stati",
    "stato", "stessa^", "stesso^", "su+", "sua+^", "sue+^", "sugli+", "sui+", "sul+", "sull+",
    "sulla+", "sulle+", "suo+^", "suoi+^", "tale", "tali", "tanto", "te1", "tempo", "terzo",
    "tra+", "tre", "troppo", "tu1", "tua+1", "tuo+1", "tutta", "tuttavia^", "tutte", "tutti",
    "tutto", "un+", "una+", "uno+", "va", "venerdi", "vengono", "verso+", "vi", "via", "viene",
    "voi1", "volta", "volte", "vostra+1", "vostro+1",
};
static const char *const dutch[] = {
    "aan+", "aantal", "achter+", "afgelopen", "al", "alle", "alleen", "alles", "als", "alsof",
    "altijd", "ander^", "andere^", "anders", "april", "augustus", "ben1", "beter", "bij+", "bijna",
    "bijvoorbeeld^", "binnen+", "blijft", "boven+", "buiten+", "cent", "daar^", "daarbij^",
    "daardoor^", "daarmee^", "daarna^", "daarnaast^", "daarom^", "daarop^", "dag", "dagen", "dan^",
    "dat+^", "de+", "december", "deel", "derde", "deze+^", "dezelfde^", "die+^", "dinsdag",
    "dit+^", "doch^", "doen", "doet", "donderdag", "door+", "duizend", "dus^", "echter^", "een+",
    "eens", "eerder", "eerst", "eerste", "elk+", "elke+", "en^", "enkele", "er^", "erg", "ervan",
    "euro", "even", "evenals", "februari", "ga", "gaan", "gaat", "gedaan", "geen+", "gehad",
    "gemaakt", "gemiddeld", "gemiddelde", "genoeg", "geval", "geweest", "gewoon", "goed", "goede",
    "graad", "graden", "groot", "grote", "haar+^", "had", "hadden", "halve", "heb1", "hebben",
    "heeft", "heel", "hele", "helft", "hem", "hen", "het+", "hier^", "hij^", "hoe", "hoewel",
    "hoger", "hun+^", "iedere+", "iedereen", "iemand", "iets", "ik1", "in+", "inmiddels^",
    "intussen^", "is", "ja", "jaar", "januari", "jaren", "je1", "jij1", "jou1", "jouw+1", "juist",
    "juli", "jullie1", "juni", "kan", "kilometer", "kleine", "komen", "komt", "kon", "konden",
    "krijgen", "krijgt", "kunnen", "kwart", "laat", "laatste", "lang", "langer", "later^",
    "liever", "maakt", "maand", "maandag", "maanden", "maar^", "maart", "maken", "man", "me1",
    "meer", "meest", "meeste", "mei", "men", "mensen", "met+", "meter", "mij1", "mijn+1",
    "miljard", "miljoen", "minder", "minuten", "misschien", "moest", "moet", "moeten", "mogelijk",
    "mogen", "na+", "naar+", "naast+", "namelijk^", "natuurlijk", "nee", "net", "niemand", "niet",
    "niets", "nieuw", "nieuwe", "nog", "nooit", "november", "nu^", "of^", "oktober", "om",
    "ondanks+", "onder+", "ongeveer", "ons+1", "onze+1", "ook^", "op+", "opnieuw", "over+", "paar",
    "pas", "per+", "procent", "rond+", "september", "sinds+", "sommige", "soms", "staat", "steeds",
    "te", "tegen+", "ten", "tenzij", "ter", "terug", "terwijl", "tijd", "tijdens+", "toch^", "toe",
    "toen^", "tot+", "tussen+", "twee", "tweede", "u1", "uit+", "uren", "uur", "uw+1", "vaak",
    "van+", "vanaf+", "vanuit+", "vanwege+", "veel", "vele", "ver", "vier", "vijf", "volgens+",
    "voor+", "vooral", "voordat", "vrijdag", "waar", "waarbij", "waardoor", "waarom", "wanneer",
    "want^", "waren", "was", "wat", "we1", "week", "weer", "weken", "wel", "welke", "werd",
    "werden", "wie", "wij1", "wil", "willen", "woensdag", "word", "worden", "wordt", "zal",
    "zaterdag", "ze^", "zeer", "zei", "zelf", "zes", "zich", "zie", "zij^", "zijn+", "zo^",
    "zoals", "zodat", "zondag", "zonder+", "zou", "zouden", "zullen",
};
static const char *const portuguese[] = {
    "a+", "abril", "acordo", "agora^", "agosto", "ainda", "alem", "alguem", "algum", "alguma",
    "algumas", "alguns", "ali", "ambos^", "ano", "anos", "ante+", "antes", "ao+", "aos+", "apenas",
    "apos+", "aquela+", "aquele+", "aqueles+", "aqui^", "as+", "assim^", "ate+", "atraves", "bem",
    "bilhoes", "boa", "bom", "cada+", "caso", "casos", "centavos", "cerca", "cinco", "coisa",
    "coisas", "com+", "como", "contra+", "contudo^", "cuja", "cujo", "da+", "das+", "de+", "dela",
    "dele", "deles", "depois^", "desde+", "dessa+", "desse+", "desta+", "deste+", "deve", "devem",
    "dez", "dezembro", "dia", "dias", "disse", "dizer", "do+", "dois", "domingo", "dos+", "duas",
    "durante+", "e^", "ela^", "elas^", "ele^", "eles^", "em+", "embora", "enquanto", "entanto^",
    "entao^", "entre+", "era", "eram", "essa+^", "essas+^", "esse+^", "esses+^", "esta+^", "estao",
    "estar", "estas+^", "estava", "este+^", "estes+^", "eu1", "euro", "euros", "exemplo", "faz",
    "fazer", "fevereiro", "foi", "fora", "foram", "forma", "grande", "grandes", "grau", "graus",
    "ha", "hoje", "hora", "horas", "houve", "isso^", "isto^", "ja", "janeiro", "julho", "junho",
    "la", "lhe", "lhes", "logo^", "maio", "maior", "maioria", "mais", "marco", "mas^", "me1",
    "media", "mediante+", "meio", "melhor", "menos", "mes", "meses", "mesma^", "mesmo^", "metade",
    "metro", "metros", "meu+1", "meus+1", "mil", "milhao", "milhares", "milhoes", "minha+1",
    "minutos", "muita", "muitas", "muito", "muitos", "na+", "nao", "nas+", "nem^", "nenhum+",
    "nenhuma+", "nessa+", "nesse+", "nesta+", "neste+", "no+", "nos+", "nossa+1", "nosso+1",
    "nova", "novas", "novembro", "novo", "novos", "num+", "numa+", "nunca", "o+", "oito", "onde",
    "ontem", "os+", "ou^", "outra^", "outras^", "outro^", "outros^", "outubro", "para+", "parte",
    "pela+", "pelas+", "pelo+", "pelos+", "pequeno", "perante+", "pessoas", "pode", "podem",
    "poderia", "pois^", "por+", "porcento", "porem^", "porque", "portanto^", "pouca", "pouco",
    "poucos", "primeira", "primeiro", "proprio", "quais", "qual", "qualquer+", "quando", "quanto",
    "quarta", "quase", "quatro", "que", "quem", "quilometros", "quinta", "reais", "real", "sabado",
    "sao", "se", "segunda", "segundo", "seis", "seja", "sejam", "sem+", "semana", "semanas",
    "sempre", "sendo", "ser", "sera", "serao", "seria", "sete", "setembro", "seu+^", "seus+^",
    "sexta", "si", "sido", "so", "sob+", "sobre+", "sua+^", "suas+^", "tal", "tambem^",
    "tampouco^", "tanto", "tao", "te1", "tem", "tempo", "ter", "terca", "terco", "teve", "tinha",
    "toda", "todas", "todo", "todos", "total", "tres", "tu1", "tudo", "ultima", "ultimo",
    "ultimos", "um+", "uma+", "umas+", "uns+", "vai", "varias", "varios", "vez", "vezes", "voce1",
    "voces1",
};
/* clang-format on */

const char *const stopword_languages[] = {"en", "de", "fr", "es", "it", "nl", "pt", NULL};

struct stopword_list {
  const char *language;
  const char *const *words;
  size_t n;
};

#define LIST(tag, array)                                                                           \
  { tag, array, sizeof(array) / sizeof((array)[0]) }
static const struct stopword_list lists[] = {
    LIST("en", english), LIST("de", german), LIST("fr", french),     LIST("es", spanish),
    LIST("it", italian), LIST("nl", dutch),  LIST("pt", portuguese),
};

const struct stopword_list *stopword_find(const char *language) {
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
    if (strncmp(lists[i].language, language, 2) == 0 &&
        (language[2] == '\0' || language[2] == '-' || language[2] == '_'))
      return &lists[i];
  return NULL;
}

static size_t letters(const char *entry) {
  size_t n = 0;
  while (entry[n] >= 'a') /* the marks come before the letters in ASCII */
    n++;
  return n;
}

static int compare(const char *word, size_t len, const char *entry) {
  if (len > 0 && word[0] != entry[0])
    return (unsigned char)word[0] < (unsigned char)entry[0] ? -1 : 1;
  size_t n = letters(entry);
  int order = memcmp(word, entry, len < n ? len : n);
  if (order != 0)
    return order;
  return (len > n) - (len < n);
}

static unsigned entry_roles(const char *entry) {
  unsigned roles = STOPWORD_PLAIN;
  for (const char *mark = entry + letters(entry); *mark != '\0'; mark++) {
    if (*mark == '+')
      roles |= STOPWORD_OPENS;
    else if (*mark == '^')
      roles |= STOPWORD_LEANS;
    else
      roles |= STOPWORD_PERSON;
  }
  return roles;
}

unsigned stopword_roles(const struct stopword_list *list, const char *word, size_t len) {
  size_t low = 0, high = list == NULL ? 0 : list->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = compare(word, len, list->words[middle]);
    if (order == 0)
      return entry_roles(list->words[middle]);
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  bool one_letter = len == 1 && ((word[0] | 0x20) >= 'a' && (word[0] | 0x20) <= 'z');
  return one_letter ? STOPWORD_PLAIN : STOPWORD_NONE;
}

bool stopword_sorted(const struct stopword_list *list) {
  if (list == NULL)
    return false;
  for (size_t i = 1; i < list->n; i++)
    if (compare(list->words[i - 1], letters(list->words[i - 1]), list->words[i]) >= 0)
      return false;
  return true;
}
