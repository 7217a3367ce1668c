/*
 * Sockets that break at a random byte of what is sent or received: when, and which.
 *
 * Threads: one owner. Pure but for the schedule.
 */
#pragma once

#include "bench/load_client.h"

/* Schedules the next one, LOAD_DUE_SNIP, if there are to be any. */
void load_cut_plan(struct load_field *field, struct load_client *client);
/* Instead of closing it: the server goes on believing in the socket, until a later one of so many
 * takes its place. */
void load_cut_abandon(struct load_field *field, int fd);
/* At the end. */
void load_cut_close_all(struct load_field *field);
/* It is due: draws direction and byte. */
void load_cut_arm(struct load_field *field, struct load_client *client);
/* Of `len` bytes, how many may be sent. */
size_t load_cut_sends(const struct load_client *client, size_t len);
/* So many were sent; true: cut it now. */
bool load_cut_sent(struct load_client *client, size_t len);
/* *len bytes came; true: only the first *len of them, then it is to be cut. */
bool load_cut_received(struct load_client *client, size_t *len);
