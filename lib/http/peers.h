/*
 * peers - a set of numbered hosts by name or address, and whether a connection comes from one of them: the manager refuses
 * executors so, since code inside a container may not drive it, and an executor whoever is not its manager.
 * Loopback addresses and Unix sockets are never among them: everything on this machine comes from there.
 */
#ifndef PEERS_H
#define PEERS_H

#include <uv.h>

#include "base/uri.h"

struct peers;

struct peers *peers_new(uv_loop_t *loop);	/* NULL: no memory */
void	peers_free(struct peers **p);		/* look-ups under way end without effect */
/* Called whenever the last look-up under way has ended. */
void	peers_on_settled(struct peers *p, void (*cb)(void *arg), void *arg);
bool	peers_are_settled(const struct peers *p);	/* no look-up is under way */
/*
 * Learn the addresses of host id, now or when its name is resolved; they replace what was known of it.  A name that does not
 * exist any more takes its addresses with it; one that could not be looked up keeps them.
 */
void	peers_learn(struct peers *p, int id, const struct endpoint *at);
void	peers_forget(struct peers *p, int id);
/* Is this the address of one of them?  Then *ret_id is that one. */
bool	peers_find(struct peers *p, const struct sockaddr *sa, int *ret_id);
bool	peers_is_local(const struct sockaddr *sa);	/* loopback, or no internet address */

#endif
