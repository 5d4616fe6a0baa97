package container

import (
	"context"
	"fmt"
	"net"
	"syscall"
)

// ListenOn listens on a network's gateway. The gateway may not be an address of this
// machine yet: an engine may make the network's device only with its first container.
func ListenOn(ctx context.Context, address string) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if controlErr := c.Control(func(fd uintptr) { err = bindEarly(int(fd)) }); controlErr != nil {
			return controlErr
		}
		return err
	}}
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for containers: %w", err)
	}
	return listener, nil
}
