/* peers - a set of hosts, and whether a connection comes from one of them; see peers.h. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "http/peers.h"

struct peer {
	struct in6_addr	addr;		/* IPv4 ones mapped */
	int		id;
};

struct peers {
	uv_loop_t	*loop;
	struct peer	*peer;
	size_t		 n, cap;
	bool		 sorted;
	unsigned	 lookups;	/* under way: they hold a pointer to this */
	bool		 freed;
	void		(*on_settled)(void *arg);
	void		*arg;
};

struct lookup {
	uv_getaddrinfo_t req;
	struct peers	*p;
	int		 id;
};

struct peers *
peers_new(uv_loop_t *loop)
{
	struct peers *p = calloc(1, sizeof(*p));

	if (p != NULL)
		p->loop = loop;
	return p;
}

void
peers_on_settled(struct peers *p, void (*cb)(void *arg), void *arg)
{
	p->on_settled = cb;
	p->arg = arg;
}

bool
peers_are_settled(const struct peers *p)
{
	return p->lookups == 0;
}

static void
drop(struct peers *p)
{
	free(p->peer);
	free(p);
}

void
peers_free(struct peers **pp)
{
	struct peers *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	p->freed = true;
	if (p->lookups == 0)
		drop(p);
}

/* False: not an internet address, or a loopback one. */
static bool
address_of(const struct sockaddr *sa, struct in6_addr *ret)
{
	struct in6_addr a = { 0 };

	if (sa->sa_family == AF_INET) {
		a.s6_addr[10] = a.s6_addr[11] = 0xff;
		memcpy(&a.s6_addr[12], &((const struct sockaddr_in *)sa)->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		a = ((const struct sockaddr_in6 *)sa)->sin6_addr;
	} else {
		return false;
	}
	if (IN6_IS_ADDR_LOOPBACK(&a) || (IN6_IS_ADDR_V4MAPPED(&a) && a.s6_addr[12] == 127))
		return false;
	*ret = a;
	return true;
}

bool
peers_is_local(const struct sockaddr *sa)
{
	struct in6_addr a;

	return !address_of(sa, &a);
}

static int
by_address(const void *a, const void *b)
{
	return memcmp(&((const struct peer *)a)->addr, &((const struct peer *)b)->addr, sizeof(struct in6_addr));
}

void
peers_forget(struct peers *p, int id)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->peer[i].id != id)
			p->peer[kept++] = p->peer[i];
	p->n = kept;
}

static void
add(struct peers *p, int id, const struct sockaddr *sa)
{
	struct in6_addr a;

	if (!address_of(sa, &a))
		return;
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 16;
		struct peer *grown = realloc(p->peer, cap * sizeof(*grown));

		if (grown == NULL)
			return;
		p->peer = grown;
		p->cap = cap;
	}
	p->peer[p->n++] = (struct peer){ a, id };
	p->sorted = false;
}

static void
on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct lookup *l = (struct lookup *)req;
	struct peers *p = l->p;

	if ((status == 0 || status == UV_EAI_NONAME || status == UV_EAI_NODATA) && !p->freed) {
		peers_forget(p, l->id);
		for (struct addrinfo *a = res; a != NULL; a = a->ai_next)
			add(p, l->id, a->ai_addr);
	}
	uv_freeaddrinfo(res);
	free(l);
	if (--p->lookups > 0)
		return;
	if (p->freed)
		drop(p);
	else if (p->on_settled != NULL)
		p->on_settled(p->arg);
}

void
peers_learn(struct peers *p, int id, const struct endpoint *at)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct sockaddr_in a4 = { .sin_family = AF_INET };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };
	struct lookup *l;

	if (at->is_unix)
		return;
	if (inet_pton(AF_INET, at->host, &a4.sin_addr) == 1) {
		peers_forget(p, id);
		add(p, id, (struct sockaddr *)&a4);
	} else if (inet_pton(AF_INET6, at->host, &a6.sin6_addr) == 1) {
		peers_forget(p, id);
		add(p, id, (struct sockaddr *)&a6);
	} else if ((l = calloc(1, sizeof(*l))) != NULL) {
		l->p = p;
		l->id = id;
		if (uv_getaddrinfo(p->loop, &l->req, on_resolved, at->host, NULL, &hints) == 0)
			p->lookups++;
		else
			free(l);
	}
}

bool
peers_find(struct peers *p, const struct sockaddr *sa, int *ret_id)
{
	struct peer key = { .id = 0 }, *found;

	if (p->n == 0 || !address_of(sa, &key.addr))
		return false;
	if (!p->sorted) {
		qsort(p->peer, p->n, sizeof(*p->peer), by_address);
		p->sorted = true;
	}
	found = bsearch(&key, p->peer, p->n, sizeof(*p->peer), by_address);
	if (found == NULL)
		return false;
	*ret_id = found->id;
	return true;
}
