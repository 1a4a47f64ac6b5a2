/*
 * types - which container types, and how many of each: "python:60,kaggle:30".
 *	spec = item *( "," item )    item = name [ ":" count ]
 *	name = a letter or digit, then at most 62 of letters, digits, "_", ".", "-"
 * A name becomes a host name's part, an image name, a label and a member of JSON objects: nothing else fits all of these.
 * A name without a count stands for one, and says so, since gen-compose takes the number from -n then.
 * Pure: no I/O, no printing.
 */
#ifndef TYPES_H
#define TYPES_H

#include <stdbool.h>
#include <stddef.h>

#define TYPES_NAME_MAX	63	/* bytes in a name; a DNS label holds as many */
#define TYPES_MAX	256	/* different types */
#define TYPES_TOTAL_MAX	10000	/* containers of all types together */

struct type {
	char	 name[TYPES_NAME_MAX + 1];
	int	 count;		/* 1 or more */
	bool	 counted;	/* the spec named the count */
};

struct types {
	struct type *item;	/* in the order given; no name twice */
	size_t	     n;
	int	     total;	/* sum of the counts, 1..TYPES_TOTAL_MAX */
};

#define TYPES_INIT { NULL, 0, 0 }

struct types_error {
	size_t		 offset;	/* bytes from the start of the spec to the item at fault */
	size_t		 len;		/* bytes of that item, for a message's %.*s */
	const char	*what;		/* static text: "the count must be 1 or more" */
};

/* 0; -EINVAL, *ret_err filled; -ENOMEM.  *ret, on success, is the caller's to release. */
int	types_parse(const char *spec, struct types *ret, struct types_error *ret_err);
void	types_release(struct types *t);
bool	types_name_ok(const char *name, size_t len);

#endif
