/*
 * peers - the addresses of executors, so that code inside a container may not drive the manager.
 * Loopback addresses and Unix sockets are never among them: everything on this machine comes from there.
 */
#ifndef PEERS_H
#define PEERS_H

#include <uv.h>

#include "base/uri.h"

struct peers;

struct peers *peers_new(uv_loop_t *loop);	/* NULL: no memory */
void	peers_free(struct peers **p);		/* look-ups under way end without effect */
/* Learn the addresses of container id, now or when its name is resolved; they replace what was known of it. */
void	peers_learn(struct peers *p, int id, const struct endpoint *at);
void	peers_forget(struct peers *p, int id);
/* Is this an executor's address?  Then *ret_id is one of its containers. */
bool	peers_find(struct peers *p, const struct sockaddr *sa, int *ret_id);

#endif
