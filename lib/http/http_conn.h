/*
 * http_conn - what http_server.c (connections, reading, deadlines), http_listen.c (accepting) and http_req.c (a request and its
 * answer) share.  Private to them.
 *
 * A connection's state says what the next byte from the client means:
 *
 *   IDLE -> HEAD -> REQUEST -> IDLE          answered, and its body is complete
 *                   REQUEST -> DRAIN -> IDLE answered, the rest of a small body is thrown away
 *                   REQUEST -> LINGER        answered, and to be closed
 *   HEAD -> LINGER                           refused
 *   any  -> CLOSED                           memory goes once libuv let go of the handle
 *
 * Only the loop's own callbacks call a handler; what a handler does is finished in on_later(), before the loop waits.
 */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include <netinet/in.h>
#include <sys/queue.h>

#include "http/http_io.h"
#include "http/http_parse.h"
#include "http/http_server.h"

enum conn_state { CONN_IDLE, CONN_HEAD, CONN_REQUEST, CONN_DRAIN, CONN_LINGER, CONN_CLOSED };

struct http_req {
	void		*data;
	void		(*on_gone)(struct http_req *req);
	void		(*on_data)(struct http_req *req, const char *bytes, size_t len);
	void		(*on_end)(struct http_req *req);
	void		(*on_drain)(struct http_req *req);
	void		(*on_all)(struct http_req *req, int err, const char *body, size_t len);
	struct buf	 all;		/* what on_all will get */
	size_t		 max;
	int		 all_error;
	int64_t		 left;		/* bytes the answer still owes; -1: not known */
	bool		 reading;	/* the handler wants the body */
	bool		 paused;
	bool		 delivered;	/* on_end or on_all was called */
	bool		 continued;	/* 100 Continue was sent */
	bool		 asked;		/* … as a probe, and … */
	bool		 vouched;	/* … the client did not say that it is closed */
	bool		 begun;		/* the answer's head is on its way */
	bool		 chunked, no_body, close;	/* of the answer */
	bool		 choked;	/* http_req_write() said false */
};

struct conn {
	struct http_io		 io;		/* first: what libuv's handles point to */
	struct http_server	*server;
	struct http_parser	*parser;
	enum conn_state		 state;
	bool			 reading;	/* uv_read_start() is in force */
	bool			 busy;		/* within conn_feed(), which looks again when a handler returns */
	bool			 is_later;	/* on the server's list `later` */
	bool			 fresh;		/* no request yet */
	bool			 fin;		/* the client has ended its writing side … */
	bool			 eof;		/* … and all it sent before was read */
	bool			 shut;		/* we have ended ours */
	uint64_t		 since;		/* tick: of the state, or of the last byte of a body */
	uint64_t		 probed;	/* tick: of fin, or of the last 100 Continue after it */
	uint64_t		 write_since;	/* tick of the last progress of a write */
	size_t			 write_left;
	struct buf		 stash;		/* read, and not yet due */
	size_t			 stash_at;
	struct http_req		 req;
	union {
		struct sockaddr		sa;
		struct sockaddr_in	in;
		struct sockaddr_in6	in6;
	} peer;
	TAILQ_ENTRY(conn)	 all, idle, later;
};

TAILQ_HEAD(conns, conn);

struct listener {
	uv_poll_t		 poll;
	struct http_server	*server;
	int			 fd;
	bool			 is_unix;
	char			 path[108];	/* removed on close where it is still ours */
	dev_t			 dev;
	ino_t			 ino;
	TAILQ_ENTRY(listener)	 link;
};

struct http_server {
	uv_loop_t		*loop;
	struct http_server_conf	 conf;
	TAILQ_HEAD(, listener)	 listeners;
	struct conns		 all, idle;	/* idle: longest idle first */
	struct conns		 later;		/* to be seen to before the loop waits */
	size_t			 nconns, nrequests, nlater;
	uv_timer_t		 timer;
	uv_prepare_t		 prepare;
	uv_idle_t		 idler;		/* active where `later` is not empty, to keep the loop from waiting */
	uint64_t		 tick;		/* deadlines count ticks: a process that was stopped loses none */
	unsigned		 tick_ms;
	bool			 accept_paused;
	bool			 draining, freed;
	size_t			 handles;	/* open or closing; with the last one the server goes */
	uint16_t		 port;
	int64_t			 date_s;
	char			 date[64];	/* "Date: …\r\n" of date_s */
	char			 why[512];
	char			 bytes[65536];	/* what was just read, for all connections */
};

static inline struct conn *
conn_of(const struct http_req *req)
{
	return (struct conn *)((char *)(uintptr_t)req - offsetof(struct conn, req));
}

/* http_server.c */
void	conn_later(struct conn *c);		/* see to it before the loop waits */
void	conn_close(struct conn *c, bool reset);
short	conn_events(const struct conn *c);	/* POLLERR, POLLHUP, POLLRDHUP of its socket, now */
void	conn_answered(struct conn *c);		/* the answer is complete: req is gone */
/* A connection was accepted: fd is the server's. len 0: the peer has no address. */
void	conn_open(struct http_server *s, int fd, bool is_unix, const struct sockaddr *peer, socklen_t len);
void	server_start_ticking(struct http_server *s);
void	server_unref(struct http_server *s);	/* a handle is closed; with the last one the server goes */
/* http_listen.c */
void	listeners_resume(struct http_server *s);	/* accept again: a connection closed, or could */
void	listeners_close(struct http_server *s);
/* http_req.c */
void	conn_refuse(struct conn *c, int status, const char *word, const char *detail, const char *allow);
bool	conn_unread_is_small(const struct conn *c);

#endif
