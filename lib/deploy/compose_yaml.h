/*
 * compose_yaml - a plan as a file for Docker Compose, by libyaml's emitter (the only module that includes its header).
 * Source: the Compose specification.  The same plan gives the same bytes.
 */
#ifndef COMPOSE_YAML_H
#define COMPOSE_YAML_H

#include "buf.h"
#include "plan.h"

int	compose_yaml_format(const struct plan *p, struct buf *out);	/* 0, -ENOMEM */

#endif
