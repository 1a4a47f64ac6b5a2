/*
 * present - text for people: terminals and what may go to them, indented JSON, tables, fields of an object.
 * Everything is appended to a buf; who prints it decides where it goes.
 */
#ifndef PRESENT_H
#define PRESENT_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "json.h"

/* Colour on fd?  when: always, never, auto (a terminal, NO_COLOR empty, TERM not "dumb").  0, -EINVAL. */
int	present_color(const char *when, int fd, bool *ret_color);

/*
 * Text from outside for a terminal: all control characters but newline, tab, carriage return and backspace come out visibly
 * (^[, \u009b), so that what a kernel printed cannot drive the terminal (window title, clipboard, answers typed back).
 */
void	present_text(struct buf *out, const char *text, size_t len);

/* A value over several lines, two blanks a level; then a newline.  Colours as jq's. */
void	present_json(struct buf *out, struct json value, bool color);

/* A value as a bare field: a string's text on one line (\t \n \\ escaped, controls as \xNN), "-" for null, all else as JSON. */
void	present_value(struct buf *out, struct json value);
/*
 * Members of an object, named by a list "id,type,url", separated by tabs, then a newline; one that is missing is "-".  "id" also
 * finds "container_id", so that one list fits allocations and containers.
 */
void	present_fields(struct buf *out, struct json object, const char *fields);
bool	present_fields_ok(const char *fields);		/* a list of names, none empty */
void	present_age(struct buf *out, double seconds);	/* "45s", "12m", "3h", "2d" */

/* A table, filled cell by cell, row by row. */
struct present_table {
	size_t		 columns;
	const bool	*right;		/* by column: aligned right */
	struct present_cell {
		char		*text;
		const char	*color;	/* SGR parameters, NULL: plain */
	}		*cell;
	size_t		 n;
};

void	present_cell(struct present_table *t, const char *text, const char *color);	/* text is copied, must be neutral */
void	present_table(struct buf *out, const struct present_table *t, bool color);
void	present_table_release(struct present_table *t);

#endif
