/*
 * config - container_config.json: which containers there are.
 *	{"0":{"url":"http://executor-000:8432","type":"python"}, "7":"unix:/run/em/7.sock"}
 * A bare string is the url; the type is "default" where none is named.  Ids may have gaps.  Refused, with the line: what is not
 * JSON, an id or url twice, an id that is none, a url that http_client cannot reach, a type name that is none, a member that has
 * no meaning here, no container at all.  config_parse() is pure.  Source: README, "Configuration".
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stddef.h>

#include "base/buf.h"
#include "base/uri.h"

#define CONFIG_FILE_MAX	(4u << 20)	/* bytes: some 50,000 containers */
#define CONFIG_TYPE_MAX	63		/* bytes in a type's name, as `gen-compose --types` has it */

struct config_entry {
	int		 id;
	unsigned	 line;		/* where its value begins, from 1 */
	char		*url, *type;
	struct endpoint	 at;
};

struct config {
	struct config_entry *entry;	/* by ascending id */
	size_t		     n;
	const struct config_entry *twin;	/* its url is also that of container twin_of: they share one kernel; or NULL */
	int		     twin_of;
};

#define CONFIG_INIT { NULL, 0, NULL, 0 }

/* 0; -EINVAL or -ENOMEM, and a sentence in *ret_why ("line 3: container 7: url: …"). */
int	config_parse(const char *text, size_t len, struct config *ret, struct buf *ret_why);
/* The same of a file; and -errno where it cannot be read. */
int	config_load(const char *path, struct config *ret, struct buf *ret_why);
void	config_release(struct config *c);
const struct config_entry *config_find(const struct config *c, int id);	/* NULL: none */

#endif
