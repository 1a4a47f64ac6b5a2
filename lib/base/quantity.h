/*
 * quantity - amounts of memory and of processors, as people write them for Docker:
 *	size = digits [ "." digits ] [ ( "k" | "m" | "g" | "t" ) [ "i" ] ] [ "b" ]	in either case, powers of 1024
 *	cpus = digits [ "." digits ]
 * Pure.  Both return NULL, or what is wrong with the text.
 */
#ifndef QUANTITY_H
#define QUANTITY_H

#include <stdint.h>

const char *quantity_bytes(const char *text, int64_t *ret_bytes);	/* 6M to 1024T; a fraction of a byte is dropped */
const char *quantity_cpus(const char *text, double *ret_cpus);		/* 0.01 to 1024 */

#endif
