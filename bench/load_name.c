#include "bench/load_name.h"

#include "base/rng.h"
#include <assert.h>
#include <stdio.h>

#define LETTERS 4 /* classes of a year */

/* Of the places learners come from, several scripts among them: names are text like any other. */
static const char *const names[] = {
    "Abril",  "Adrián",  "Aisha",   "Ana",     "Andrés", "Beatriz", "Bruno",     "Carla",  "Carmen",
    "Chiara", "Chloë",   "Claudia", "Daniel",  "Diego",  "Elena",   "Emir",      "Enzo",   "Fatima",
    "Félix",  "Gabriel", "Giulia",  "Hanna",   "Hugo",   "Inés",    "Irene",     "Iván",   "Jakub",
    "Jimena", "João",    "Jonas",   "José",    "Julia",  "Karim",   "Katarzyna", "Lars",   "Leïla",
    "Leo",    "Lucía",   "Luís",    "Łukasz",  "Malik",  "Manuel",  "Marcos",    "María",  "Marta",
    "Mateo",  "Mehmet",  "Mia",     "Miguel",  "Mina",   "Nadia",   "Nikola",    "Noa",    "Óscar",
    "Pablo",  "Paula",   "Quentin", "Rafael",  "Renée",  "Samira",  "Sara",      "Şeyma",  "Sofía",
    "Søren",  "Tadeusz", "Teresa",  "Thảo",    "Tomás",  "Ümit",    "Valeria",   "Víctor", "Ximena",
    "Yusuf",  "Zoë",     "Айгуль",  "Дмитрий", "Оксана", "أمينة",   "نور",       "יעל",    "小林",
    "美咲",   "王芳",    "민준",
};
#define NAMES (sizeof names / sizeof names[0])

const char *load_name_first(uint64_t seed, uint32_t session)
{
    struct rng rng;
    rng_init(&rng, seed ^ ((uint64_t)session << 32 | session));
    return names[rng_below(&rng, NAMES)];
}

unsigned load_name_class(uint32_t session, unsigned classes)
{
    assert(classes > 0 && classes <= LOAD_CLASSES_MAX);
    return session % classes;
}

void load_name_class_text(unsigned class_number, char out[LOAD_CLASS_BYTES])
{
    assert(class_number < LOAD_CLASSES_MAX);
    snprintf(out, LOAD_CLASS_BYTES, "%u%c", class_number / LETTERS + 1,
             (char)('A' + class_number % LETTERS));
}
