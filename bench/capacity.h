/*
 * The capacity answer: what each resource allows, which gives way first, and when to add more.
 *
 * Threads: any, one at a time; pure but for reading files. Memory: no ownership passes.
 */
#pragma once

/* `sotto-bench capacity …`: parses arguments, prints, returns the exit status. */
int capacity_main(int argc, char **argv);
