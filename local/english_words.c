/* Lists of words, and what is made of adjectives. */
#include "local/english.h"
#include <stdio.h>
#include <string.h>

static const char verbs[] =
    " accept add admit agree answer appear apply argue arrange arrive ask attend avoid bake be "
    "believe belong borrow call carry change chat check clean climb close collect complain "
    "continue cook copy count cover cross cry cycle dance decide deliver describe die disagree "
    "discuss enjoy enter exercise expect explain fail fill finish fix follow happen hate have help "
    "hike hope hurry improve introduce invite join jump kill kiss laugh learn lend lie like listen "
    "live look love manage marry miss mix move need offer open order own paint park pass perform "
    "phone pick plan plant play practice practise prefer prepare promise pull push rain reach "
    "receive relax remember rent repair repeat reply rest return save serve share shop shout show "
    "smell smile smoke snow solve start stay stop study suggest suppose surf surprise talk taste "
    "thank touch train translate travel try turn type use visit wait walk want warn wash watch "
    "wish wonder work worry ";

static const char adjectives[] =
    " afraid alone amazing angry awful bad beautiful big black blue boring brave bright broken "
    "busy "
    "calm careful cheap clean clear clever cold comfortable cool crazy crowded dangerous dark dead "
    "deep delicious different difficult dirty dry early easy empty excited exciting expensive "
    "famous "
    "fast fat favourite fine foreign free fresh friendly full funny good great green grey happy "
    "hard "
    "healthy heavy high hot hungry ill important interested interesting kind large late lazy light "
    "long lonely loud lovely low lucky modern narrow necessary nervous new nice noisy old orange "
    "perfect pink polite poor popular possible pretty private proud quick quiet ready red rich sad "
    "safe serious short shy sick simple slim slow small smart soft sorry special strange strong "
    "stupid sunny sure surprised sweet tall terrible thin thirsty tired traditional ugly useful "
    "warm "
    "weak wet white wide windy wonderful worried wrong yellow young ";

static const char counted[] =
    " accident actor airport aunt apartment apple artist baby bag ball banana bank battery bicycle "
    "bike bird "
    "boat book bottle bowl box boy boyfriend bridge brother building bus cafe camera car castle "
    "cat "
    "chair child cinema city coat colleague company computer concert corner cousin cow cup "
    "daughter desk dictionary doctor dog door dream dress driver egg elephant engineer exam "
    "factory "
    "farm festival film flat flower fork friend game garden girl girlfriend guide gun hat headache "
    "helicopter hill hobby horse hotel house idea island jacket job joke journey key kitchen knife "
    "lake lamp laptop lawyer letter lion magazine manager map meal meeting menu message mirror "
    "mistake monkey mountain mouse movie museum neighbour neighbor notebook nurse office park "
    "parrot "
    "party passport pen pencil photo picture pig plane planet plate player pocket poem pool "
    "present "
    "problem project pub question rabbit recipe restaurant ring river room roommate sandwich "
    "scientist secret shirt shoe shop singer sister skirt sofa son song spoon stadium station "
    "story "
    "street student suitcase supermarket surprise sweater swimmer table taxi teacher team ticket "
    "toilet "
    "tourist toy train tree trip umbrella uncle village visitor wallet wedding window woman "
    "writer ";

static bool listed(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; len > 0 && (at = strstr(at, word)) != NULL; at++) {
        if (at > list && at[-1] == ' ' && at[len] == ' ')
            return true;
    }
    return false;
}

bool english_is_verb(const char *word)
{
    char past[LOCAL_GRAMMAR_WORD_BYTES];
    if (listed(verbs, word))
        return true;
    if (english_class(word) != 0 || !english_verb_past(word, past))
        return false;
    /* Irregular ones: their past is not made by rule. */
    size_t len = strlen(past);
    return len > 2 && strcmp(past + len - 2, "ed") != 0;
}

bool english_is_adjective(const char *word)
{
    return listed(adjectives, word);
}

bool english_is_counted(const char *word)
{
    return listed(counted, word);
}

bool english_adverb(const char *adjective, char *out)
{
    size_t len = strlen(adjective);
    if (len < 3 || len + 4 > LOCAL_GRAMMAR_WORD_BYTES)
        return false;
    if (strcmp(adjective, "good") == 0)
        snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "well");
    else if (adjective[len - 1] == 'y')
        snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%.*sily", (int)len - 1, adjective);
    else if (strcmp(adjective + len - 2, "le") == 0)
        snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%.*sly", (int)len - 2, adjective);
    else
        snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%sly", adjective);
    return true;
}

bool english_superlative(const char *adjective, char *out)
{
    char more[LOCAL_GRAMMAR_WORD_BYTES];
    if (!english_comparative(adjective, more))
        return false;
    size_t len = strlen(more);
    if (strcmp(more, "better") == 0 || strcmp(more, "worse") == 0)
        snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%s", more[0] == 'b' ? "best" : "worst");
    else if (len > 2 && strcmp(more + len - 2, "er") == 0)
        snprintf(out, LOCAL_GRAMMAR_WORD_BYTES, "%.*sest", (int)len - 2, more);
    else
        return false;
    return true;
}
