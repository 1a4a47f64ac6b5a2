/*
 * health - asks executors how they are and restarts them; the only module that makes the manager's own calls.
 * Moves containers by what executors say: starting to available, anything to down, down to starting after a back-off.
 *
 *	state		call			every				leads to
 *	available	GET /health		probe_ms			down after 3 failures, 2 where nobody listens
 *	allocated	the same
 *	starting	GET /ready		0.1 to 1 s			available; GET /info says whether it is clean
 *	restarting	POST /restart, then GET /restart-status (unless 404) and /ready, 5 to 200 ms apart
 *	down		GET /health		0.25 to 10 s, doubling		starting
 *
 * On these calls a redirect, a wrong type, JSON that is none or more than 64 KiB is a failure.  What fails for lack of our own
 * descriptors or memory, or because this process stood still, says nothing about an executor and is not counted.
 */
#ifndef HEALTH_H
#define HEALTH_H

#include "manager.h"

/*
 * Called once, unless health_unlisten() came first.  0: the executor is ready.  -ETIMEDOUT: it is not, after 30 s, and the
 * restart goes on.  Else it failed, and the container is down.
 */
typedef void health_cb(void *arg, struct container *ct, int err);

int	health_add(struct manager *m, struct container *ct);	/* begins to ask; 0, -ENOMEM */
void	health_remove(struct container *ct);			/* before pool_remove() */
/* Restart the executor of a container that is restarting, or allocated and preparing. */
void	health_restart(struct container *ct, health_cb *cb, void *arg);
/* Is it ready, now?  For a container that is preparing. */
void	health_check(struct container *ct, health_cb *cb, void *arg);
/* The call back is made only if it goes down. */
void	health_watch(struct container *ct, health_cb *cb, void *arg);
void	health_unlisten(struct container *ct);			/* the call back is not made; a restart goes on */
bool	health_is_restarting(const struct container *ct);
/* A session request could not reach it: look soon. */
void	health_suspect(struct container *ct);
/* A session has restarted its own executor, which may exit for that and be gone for a while. */
void	health_session_restarted(struct container *ct);

#endif
