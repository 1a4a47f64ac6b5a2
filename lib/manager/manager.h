/*
 * manager - what the daemon's modules share: one loop, one pool, one server, one client.
 *	routes   which path is what, and who may ask
 *	alloc    allocate, deallocate, restart: requests that wait for containers
 *	proxy    session requests, streamed through
 *	health   asks executors how they are, restarts them, moves containers by what they say
 *	peers    which addresses are executors'
 * Whoever changed something that others wait for ends its callback with manager_turn().
 */
#ifndef MANAGER_H
#define MANAGER_H

#include <uv.h>

#include "base/opt.h"
#include "config.h"
#include "http/http_client.h"
#include "http/http_server.h"
#include "pool.h"

struct alloc;
struct peers;

struct manager_conf {
	const char	*config_path;
	struct opt_list	 allowed_hosts;		/* none: any */
	int64_t		 session_ms;		/* a session request may run so long; 0: no limit */
	int64_t		 restart_ms;		/* a restart may take so long until the container is down */
	int64_t		 probe_ms;		/* between two looks at a container that is well */
	int64_t		 probe_limit_ms;	/* for an answer to GET /health */
	int64_t		 stop_ms;		/* what runs may go on so long after manager_stop() */
	unsigned	 connections;
};

struct manager {
	uv_loop_t		*loop;
	struct manager_conf	 conf;
	struct config		 config;	/* as last read */
	struct pool		*pool;
	struct http_client	*client;
	struct http_server	*server;
	struct peers		*peers;
	struct alloc		*allocs;	/* alloc's: requests that wait */
	struct release		*releases;	/* alloc's: restarts that somebody wants to hear of */
	unsigned		 probing;	/* health's: routine calls under way */
	unsigned		 draining;	/* containers that are to go */
	int64_t			 started_ms;
	int64_t			 beat_ms;	/* the last turn of the heart-beat … */
	int64_t			 stalled_ms;	/* … and when it was last found to be late */
	uv_timer_t		 beat, stop_timer;
	bool			 stopping;
	int64_t			 stop_at_ms;
	uint64_t		 random;	/* for jitter */
};

/* Reads the configuration and begins to ask executors.  0; -errno with a sentence in *ret_why. */
int	manager_init(struct manager *m, uv_loop_t *loop, const struct manager_conf *conf, struct buf *ret_why);
/* Again; a bad file changes nothing.  Logs what it did. */
void	manager_reload(struct manager *m);
/* No new work; what runs may end; the loop is stopped when all is answered.  A second call ends it at once. */
void	manager_stop(struct manager *m);
void	manager_release(struct manager *m);	/* then run the loop until its handles are closed */

int64_t	manager_now(const struct manager *m);	/* monotonic ms, of this turn of the loop */
void	manager_turn(struct manager *m);	/* serve those who wait, remove what is to go */
/* ms, give or take a fifth: so that a thousand things that began together do not stay together. */
int64_t	manager_jitter(struct manager *m, int64_t ms);

#endif
