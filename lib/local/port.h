/*
 * port - the port of a manager that is to be started.
 */
#ifndef PORT_H
#define PORT_H

#include <stdint.h>

/*
 * Bind `port` of 127.0.0.1 (0: any) for a moment, so that a port in use is found before the kernels start, and a free one can
 * be named.  Somebody may take it meanwhile: the manager says so, and another one is tried where any would do.
 * 0, -errno.
 */
int	port_try(uint16_t port, uint16_t *ret_port);

#endif
