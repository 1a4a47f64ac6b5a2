/*
 * plan - what a deployment consists of: the manager, and numbered executors with their type, image, port and GPU.
 * Pure: no I/O, no clock; the same options give the same plan.  How it is written down is compose_yaml's business.
 */
#ifndef PLAN_H
#define PLAN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "env.h"
#include "gpus.h"
#include "limits.h"
#include "types.h"
#include "volumes.h"

#define PLAN_EXECUTOR_PORT	8432	/* inside a container; the host's ports start at start_port */
#define PLAN_MANAGER_PORT	5000
#define PLAN_COUNT		10	/* executors, where neither -n nor -t says */

struct plan_options {
	const char		*types;		/* as the command line has it: "python:60,kaggle:30" */
	int			 count;		/* executors, 0: not said */
	int			 start_port;	/* 1..65535 */
	const char		*config_path;	/* where the manager's configuration is, as the compose file names it */
	const char *const	*images;	/* TYPE=REF */
	size_t			 n_images;
	const char		*manager_image;	/* NULL: manager-prebuilt */
	int			 manager_port;	/* on the host; 0: PLAN_MANAGER_PORT */
	const char		*bind;		/* IPv4 or IPv6 address that ports are published on, NULL: 127.0.0.1 */
	const char		*gpu_ids;	/* NULL: none */
	const char		*runtime;	/* NULL: Docker's default */
	const struct env	*env;		/* NULL: none */
	const struct volumes	*volumes;	/* NULL: none */
	bool			 submissions;	/* each executor gets a directory for what it hands in */
	bool			 no_egress;	/* executors reach nothing but the manager, and publish no port */
};

struct plan_executor {
	char		 name[24];	/* "executor-007": service, container and host name */
	const char	*type;		/* borrowed from the plan's types */
	const char	*image;
	int		 port;		/* on the host; 0: none is published */
	const char	*gpu;		/* borrowed from the plan's gpus; NULL: none */
};

struct plan {
	struct types		 types;
	struct gpus		 gpus;
	struct plan_executor	*executor;
	size_t			 n;
	const char		*config_path;	/* this and the other texts are borrowed from the options */
	const char		*manager_image;
	int			 manager_port;
	char			 bind[INET6_ADDRSTRLEN + 2];	/* address that published ports listen on; IPv6 in brackets */
	struct limits		 limits;	/* of each executor */
	int			 check_seconds;	/* from one look at an executor's health to the next */
	const char		*runtime;
	const struct env	*env;		/* never NULL */
	const struct volumes	*volumes;	/* never NULL */
	const char		*submissions;	/* absolute directory on the host, the caller's to set; NULL: none */
	bool			 no_egress;
};

#define PLAN_INIT { .types = TYPES_INIT, .gpus = GPUS_INIT }

/*
 * 0; a message naming the option or the file appended to why ("--types a:b:c: only one colon …") and -EINVAL: the options
 * contradict each other or cannot be, -EBADMSG: a file of variables does; -ENOMEM.  A type without a count takes what the
 * others leave of `count`.
 */
int	plan_build(const struct plan_options *o, struct plan *ret, struct buf *why);
void	plan_release(struct plan *p);

/* Which of the user's variables a container gets: limits nobody, DEBUG and LOG_LEVEL the manager as well. */
bool	plan_tells_executors(const char *variable);
bool	plan_tells_manager(const char *variable);

/* The manager's configuration, {"0":{"url":…,"type":…},…}, a line for each executor. */
void	plan_format_config(const struct plan *p, struct buf *out);

#endif
