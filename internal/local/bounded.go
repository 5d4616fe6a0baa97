package local

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of each server of the fleet. The times suit GitHub, which waits ten seconds
// for an answer, and a claim, which asks GitHub up to five times.
const (
	readTime    = 10 * time.Second // for a request with its body
	answerTime  = time.Minute      // from a request's header to the end of its answer
	idleTime    = 30 * time.Second // between two requests of a connection
	headerBytes = 32 << 10

	mostConnections = 256 // each may hold webhook.MaxBody
	mostOfOne       = 8   // from one container, which needs one for its claim
)

// newServer returns a server on which no client can hold a connection for ever.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: readTime, ReadTimeout: readTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
		MaxHeaderBytes: headerBytes,
	}
}

// bounded is a listener that limits its open connections: further ones wait to be
// accepted. If perAddress is not 0, it also limits those from one address: further ones
// are closed.
type bounded struct {
	net.Listener
	slots      chan struct{}
	perAddress int

	mu   sync.Mutex
	open map[string]int // by address
}

func bound(l net.Listener, most, perAddress int) *bounded {
	return &bounded{Listener: l, slots: make(chan struct{}, most), perAddress: perAddress, open: map[string]int{}}
}

func (b *bounded) Accept() (net.Conn, error) {
	for {
		b.slots <- struct{}{}
		conn, err := b.Listener.Accept()
		if err != nil {
			<-b.slots
			return nil, err
		}
		host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
		if err == nil && b.take(host) {
			return &boundedConn{Conn: conn, release: sync.OnceFunc(func() { b.release(host) })}, nil
		}
		<-b.slots
		_ = conn.Close()
	}
}

// take reports whether the address may have one more connection.
func (b *bounded) take(host string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.perAddress > 0 && b.open[host] >= b.perAddress {
		return false
	}
	b.open[host]++
	return true
}

func (b *bounded) release(host string) {
	b.mu.Lock()
	if b.open[host]--; b.open[host] == 0 {
		delete(b.open, host)
	}
	b.mu.Unlock()
	<-b.slots
}

type boundedConn struct {
	net.Conn
	release func()
}

func (c *boundedConn) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}
