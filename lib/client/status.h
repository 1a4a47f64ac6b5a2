/* status - the manager's /status and /containers as one object, and as tables for a terminal. */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>

#include "buf.h"
#include "json.h"

/* The members of status, and "containers" behind them (left out where containers is no array). */
void	status_join(struct buf *out, struct json status, struct json containers);
/* The element of /containers whose id it is. */
bool	status_find(struct json containers, int id, struct json *ret);
/* A line about the pool, a table of its types, a table of its containers. */
void	status_table(struct buf *out, const char *url, struct json status, struct json containers, bool color);
void	status_table_containers(struct buf *out, struct json containers, bool color);

#endif
