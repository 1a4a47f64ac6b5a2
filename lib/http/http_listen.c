/* http_listen - where an HTTP/1.1 server listens, and when it accepts; see http_server.h and http_conn.h. */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/http_conn.h"

#define ACCEPT_BATCH	32	/* connections taken a turn of the loop */
#define BACKLOG		1024
#define EVICT_TICKS	2	/* one that was active just now may be about to send its next request */

/* ---- accepting ---- */

static void	on_acceptable(uv_poll_t *h, int status, int events);

static void
pause_accept(struct http_server *s)
{
	struct listener *l;

	s->accept_paused = true;
	TAILQ_FOREACH(l, &s->listeners, link)
		uv_poll_stop(&l->poll);
	server_start_ticking(s);
}

void
listeners_resume(struct http_server *s)
{
	struct listener *l;

	s->accept_paused = false;
	TAILQ_FOREACH(l, &s->listeners, link)
		uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
}

/* Room for one more: 0; else the longest-idle connection makes it, and where none is idle: -1. */
static int
make_room(struct http_server *s)
{
	struct conn *c;

	if (s->nconns < s->conf.connections)
		return 0;
	TAILQ_FOREACH(c, &s->idle, idle) {
		if (s->tick - c->since < EVICT_TICKS)
			break;
		if (http_io_pending(&c->io) == 0) {
			conn_close(c, false);
			return 0;
		}
	}
	return -1;
}

static void
on_acceptable(uv_poll_t *h, int status, int events)
{
	struct listener *l = h->data;
	struct http_server *s = l->server;
	union { struct sockaddr sa; struct sockaddr_storage storage; } peer;

	(void)status, (void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		socklen_t len = sizeof(peer);
		int fd;

		if (make_room(s) < 0) {
			pause_accept(s);
			return;
		}
		fd = accept4(l->fd, &peer.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			conn_open(s, fd, l->is_unix, &peer.sa, l->is_unix ? 0 : len);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			pause_accept(s);	/* until a connection closes, or the next tick */
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

/* ---- listening ---- */

static int
why(struct http_server *s, const struct endpoint *at, int error, const char **ret_why)
{
	struct buf b = BUF_INIT;

	uri_format_endpoint(at, &b);
	snprintf(s->why, sizeof(s->why), "%s: %s", buf_str(&b), strerror(-error));
	buf_release(&b);
	*ret_why = s->why;
	return error;
}

/* Take fd over, which is bound. */
static int
add_listener(struct http_server *s, int fd, const char *path)
{
	struct listener *l = calloc(1, sizeof(*l));
	struct stat st;
	int r = -ENOMEM;

	if (l == NULL || listen(fd, BACKLOG) < 0 || (r = uv_poll_init(s->loop, &l->poll, fd)) < 0) {
		r = l != NULL && r == -ENOMEM ? -errno : r;
		free(l);
		(void)close(fd);
		return r;
	}
	l->poll.data = l;
	l->server = s;
	l->fd = fd;
	if (path != NULL) {
		l->is_unix = true;
		snprintf(l->path, sizeof(l->path), "%s", path);
		if (stat(path, &st) == 0) {
			l->dev = st.st_dev;
			l->ino = st.st_ino;
		}
	}
	s->handles++;
	TAILQ_INSERT_TAIL(&s->listeners, l, link);
	return uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
}

static void
on_listener_closed(uv_handle_t *h)
{
	struct listener *l = h->data;
	struct http_server *s = l->server;

	(void)close(l->fd);
	free(l);
	server_unref(s);
}

void
listeners_close(struct http_server *s)
{
	struct listener *l;
	struct stat st;

	while ((l = TAILQ_FIRST(&s->listeners)) != NULL) {
		TAILQ_REMOVE(&s->listeners, l, link);
		if (l->is_unix && stat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
			(void)unlink(l->path);
		/* Whoever connects from now on is refused, not left waiting. */
		(void)shutdown(l->fd, SHUT_RDWR);
		uv_close((uv_handle_t *)&l->poll, on_listener_closed);
	}
}

static int
listen_unix(struct http_server *s, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, r;

	if (snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path) >= (int)sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
		return -errno;
	/* Does someone listen there?  A file that refuses is left over from one who died. */
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 || errno == EAGAIN) {
		(void)close(fd);
		return -EADDRINUSE;
	}
	if (errno == ECONNREFUSED)
		(void)unlink(path);
	(void)close(fd);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	return add_listener(s, fd, path);
}

/* Accepted sockets inherit them.  Probes by TCP notice a client whose host has vanished, after about two minutes. */
static void
set_options(int fd)
{
	static const struct { int level, name, value; } options[] = {
		{ SOL_SOCKET, SO_REUSEADDR, 1 }, { IPPROTO_TCP, TCP_NODELAY, 1 }, { SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 60 }, { IPPROTO_TCP, TCP_KEEPINTVL, 15 }, { IPPROTO_TCP, TCP_KEEPCNT, 4 },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

static int
listen_address(struct http_server *s, const struct addrinfo *ai, uint16_t port)
{
	union { struct sockaddr sa; struct sockaddr_in in; struct sockaddr_in6 in6; struct sockaddr_storage storage; } a;
	socklen_t len = ai->ai_addrlen;
	int fd, r;

	memcpy(&a, ai->ai_addr, ai->ai_addrlen);
	if (a.sa.sa_family == AF_INET6)
		a.in6.sin6_port = htons(port);
	else
		a.in.sin_port = htons(port);
	fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	set_options(fd);
	if (bind(fd, &a.sa, len) < 0 || getsockname(fd, &a.sa, &len) < 0) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	if (s->port == 0)
		s->port = ntohs(a.sa.sa_family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
	return add_listener(s, fd, NULL);
}

/* Every address of the name; a machine without IPv6 listens on the others. */
static int
listen_tcp(struct http_server *s, const struct endpoint *at)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list, *ai;
	int r = -EADDRNOTAVAIL, n = 0, e = getaddrinfo(at->host, NULL, &hints, &list);
	uint16_t before = s->port, port = at->port;

	if (e != 0)
		return e == EAI_SYSTEM ? -errno : e == EAI_MEMORY ? -ENOMEM : -ENXIO;
	for (ai = list; ai != NULL; ai = ai->ai_next) {
		int one = listen_address(s, ai, port);

		if (one == 0) {
			n++;
			if (port == 0 && before == 0)
				port = s->port;
		} else if (n == 0 || (one != -EADDRNOTAVAIL && one != -EAFNOSUPPORT)) {
			r = one;
			if (one != -EADDRNOTAVAIL && one != -EAFNOSUPPORT) {
				n = 0;
				break;
			}
		}
	}
	freeaddrinfo(list);
	return n > 0 ? 0 : r;
}

int
http_server_listen(struct http_server *s, const struct endpoint *at, const char **ret_why)
{
	int r = at->is_unix ? listen_unix(s, at->path) : listen_tcp(s, at);

	if (r == -ENXIO) {
		snprintf(s->why, sizeof(s->why), "%s: no such host", at->host);
		*ret_why = s->why;
		return r;
	}
	return r < 0 ? why(s, at, r, ret_why) : 0;
}

uint16_t
http_server_port(const struct http_server *s)
{
	return s->port;
}
