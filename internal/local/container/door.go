package container

import (
	"context"
	"net"
	"sync"
)

// HostName is the name by which a container in a network of its own knows this machine.
const HostName = "ecsrunner.internal"

// Door is a server of this machine that containers reach at the gateways of their
// networks, on one port.
type Door struct {
	Port  string
	Serve func(net.Listener) // until the listener is closed

	mu     sync.Mutex
	open   map[string]net.Listener // by gateway
	closed bool
}

// Open listens at a gateway, unless the door is already open there, or shut.
func (d *Door) Open(ctx context.Context, gateway string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.open[gateway] != nil {
		return nil
	}
	listener, err := ListenOn(ctx, net.JoinHostPort(gateway, d.Port))
	if err != nil {
		return err
	}
	if d.open == nil {
		d.open = map[string]net.Listener{}
	}
	d.open[gateway] = listener
	go d.Serve(listener)
	return nil
}

// Close stops listening at a gateway.
func (d *Door) Close(gateway string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if listener := d.open[gateway]; listener != nil {
		_ = listener.Close()
		delete(d.open, gateway)
	}
}

// Shut closes the door at all gateways, for good.
func (d *Door) Shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, listener := range d.open {
		_ = listener.Close()
	}
}
