/*
 * pool - containers grouped by type, who holds them, and who waits for one.
 * A container is on exactly one list and that list is its state; what /status counts is the length of a list.  This is the
 * only place that changes a container's state.  No I/O, no clock, no printing: callers pass now_ms (monotonic milliseconds).
 * Handing out, giving back, waiting and forgetting a waiter are O(1) in the number of containers and of waiters; finding a
 * container by id is O(log n), a type by name and the oldest container of any type O(types).
 *
 *	starting -> available -> allocated -> restarting -> available
 *	any of them -> down -> starting
 *
 * An available container is clean or dirty: dirty where a request that may change something has reached it since its kernel
 * began, or where nobody knows what happened before.  Clean ones are handed out first; the caller restarts a dirty one before
 * it lets the client have it.  One with a request under way is not handed out at all.
 */
#ifndef POOL_H
#define POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uri.h"

enum ct_state { CT_STARTING, CT_AVAILABLE, CT_ALLOCATED, CT_RESTARTING, CT_DOWN, CT_STATES };

/* The lists; available has three of them. */
enum ct_place { PL_STARTING, PL_CLEAN, PL_DIRTY, PL_BUSY, PL_ALLOCATED, PL_RESTARTING, PL_DOWN, PL_PLACES };

struct pool;
struct pool_type;

/* One container.  Read freely; only pool.c writes, the last two members excepted. */
struct container {
	int		  id;
	char		 *url;			/* as configured */
	struct endpoint	  at;			/* the same, parsed */
	struct pool_type *type;
	struct container *prev, *next;		/* on its list */
	uint64_t	  seq;			/* order of arrival on its list, across types */
	enum ct_state	  state;
	enum ct_place	  place;
	int64_t		  since_ms;		/* when it came into this state */
	int64_t		  heard_ms;		/* when it last answered anything */
	int64_t		  retry_ms;		/* down: when it will be asked again */
	unsigned	  running;		/* session requests under way */
	unsigned	  changing;		/* those of them that are neither GET nor HEAD */
	bool		  preparing;		/* allocated, but its client has not been told yet */
	bool		  draining;		/* to be removed once nobody holds it */
	bool		  used;			/* something may have changed since its kernel began */
	bool		  unknown;		/* nobody knows what happened before */
	bool		  owed;			/* a restart was promised and has not been accepted yet */
	int64_t		  generation;		/* incarnation of its kernel, from 1; 0: not seen yet */
	uint64_t	  executions;		/* requests to execute passed on since it was added */
	char		 *owner;		/* text given with the allocation, or NULL */
	char		  error[160];		/* why it last went down or was not ready, or "" */
	void		 *health;		/* health's */
	void		 *sessions;		/* proxy's: the requests under way */
};

/* A request for a container in the queue; the caller's storage, untouched by the caller while it is queued. */
struct waiter {
	struct waiter	 *prev, *next;
	struct pool_type *type;			/* NULL: any */
	uint64_t	  seq;			/* its place: the order of asking */
	bool		  queued;
};

struct pool_counts {
	size_t	state[CT_STATES];
	size_t	total;
	size_t	waiting;
};

struct pool *pool_new(void);			/* NULL: no memory */
void	pool_free(struct pool **p);		/* containers too; waiters must be gone */

/* ---- members ---- */

/* A new container, starting, of unknown history.  0; -EEXIST: the id is taken; -ENOMEM. */
int	pool_add(struct pool *p, int id, const char *url, const struct endpoint *at, const char *type, int64_t now_ms,
	    struct container **ret_ct);
/* It is not handed out any more; remove it once pool_removable().  pool_undrain() takes that back. */
void	pool_drain(struct pool *p, struct container *ct);
void	pool_undrain(struct pool *p, struct container *ct);
bool	pool_removable(const struct container *ct);	/* draining, held by nobody, nothing under way */
void	pool_remove(struct pool *p, struct container *ct);
struct container *pool_find(const struct pool *p, int id);	/* NULL: none */
size_t	pool_size(const struct pool *p);
struct container *pool_at(const struct pool *p, size_t i);	/* by ascending id */

/* NULL: no container is of that type. */
struct pool_type *pool_type_find(const struct pool *p, const char *name);
const char *pool_type_name(const struct pool_type *t);
size_t	pool_types(const struct pool *p);
struct pool_type *pool_type_at(const struct pool *p, size_t i);	/* in order of first appearance; some may be empty */
void	pool_count(const struct pool *p, const struct pool_type *t, struct pool_counts *ret);	/* t NULL: all */
const char *pool_state_name(enum ct_state s);

/* ---- handing out ---- */

/*
 * Take the clean container of the type (NULL: any) that has been available longest, else such a dirty one: it is allocated
 * and preparing.  0; -EAGAIN: none, or somebody who asked before is still waiting for it.
 */
int	pool_take(struct pool *p, struct pool_type *t, int64_t now_ms, struct container **ret_ct);
void	pool_wait(struct pool *p, struct waiter *w, struct pool_type *t);	/* at the end of the queue */
void	pool_wait_again(struct pool *p, struct waiter *w);	/* at the place it had: what it was given failed */
void	pool_forget(struct pool *p, struct waiter *w);		/* no effect when it is not queued */
/* The next waiter that can be served: it leaves the queue, the container is taken as by pool_take(). */
bool	pool_match(struct pool *p, int64_t now_ms, struct waiter **ret_w, struct container **ret_ct);
/* The client is told.  owner (NULL: none) is copied.  0; -ENOMEM: nothing changed. */
int	pool_grant(struct pool *p, struct container *ct, const char *owner);
/* Undo a hand-out of which the client never heard: available again. */
void	pool_take_back(struct pool *p, struct container *ct, int64_t now_ms);
/* A restart will be asked of it; it is owed until the executor has accepted one, and not available before. */
void	pool_owe_restart(struct pool *p, struct container *ct);
/* Allocated, or starting while a restart is owed: to the list of those that nobody holds and that are not ready yet. */
void	pool_restarting(struct pool *p, struct container *ct, int64_t now_ms);
/* The executor has accepted a restart: its history begins anew (unknown where a request overlapped with it). */
void	pool_restarted(struct pool *p, struct container *ct);
/* What the executor itself says of its history. generation 0: it does not say. */
void	pool_known(struct pool *p, struct container *ct, bool clean, int64_t generation);
/* Starting or restarting, and its executor has said ready. */
void	pool_ready(struct pool *p, struct container *ct, int64_t now_ms);
/* Anything but down: it failed.  Whoever held it has lost it. */
void	pool_down(struct pool *p, struct container *ct, int64_t now_ms, int64_t retry_ms, const char *why);
void	pool_put_off(struct pool *p, struct container *ct, int64_t retry_ms, const char *why);	/* down, and failed again */
void	pool_starting(struct pool *p, struct container *ct, int64_t now_ms);		/* down, and it answers again */
void	pool_note(struct pool *p, struct container *ct, const char *why);	/* sets its error, "" clears */
void	pool_heard(struct pool *p, struct container *ct, int64_t now_ms);

/* ---- sessions ---- */

/* A session request begins and ends; changes: it is neither GET nor HEAD; executes: it counts as an execution. */
void	pool_use(struct pool *p, struct container *ct, bool changes, bool executes);
void	pool_unuse(struct pool *p, struct container *ct, bool changes);
/* A session restarted its own executor: a new kernel, still held. */
void	pool_session_restarted(struct pool *p, struct container *ct);

#endif
