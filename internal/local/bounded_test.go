package local

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// loopback is a bounded listener that sends its accepted connections to the channel.
func loopback(t *testing.T, most, perAddress int) (address string, accepted <-chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan net.Conn, 100)
	ended := make(chan struct{})
	b := bound(l, most, perAddress)
	go func() {
		defer close(ended)
		for {
			conn, err := b.Accept()
			if err != nil {
				return
			}
			conns <- conn
		}
	}()
	t.Cleanup(func() {
		l.Close()
		for {
			select {
			case conn := <-conns:
				conn.Close() // or Accept waits for it
			case <-ended:
				return
			}
		}
	})
	return l.Addr().String(), conns
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestFurtherConnectionsOfOneAddressAreClosed(t *testing.T) {
	address, accepted := loopback(t, 10, 2)
	dial(t, address)
	first := <-accepted
	dial(t, address)
	<-accepted
	if _, err := dial(t, address).Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the third connection: %v", err)
	}
	first.Close()
	first.Close() // counts once
	dial(t, address)
	<-accepted
	if _, err := dial(t, address).Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after one was closed, the one after next: %v", err)
	}
}

// crowd is a listener to which connections come as fast as they are accepted.
type crowd struct{ accepted atomic.Int32 }

func (c *crowd) Accept() (net.Conn, error) {
	c.accepted.Add(1)
	return stranger{}, nil
}

func (*crowd) Close() error   { return nil }
func (*crowd) Addr() net.Addr { return nil }

// stranger is a connection from which nothing is read.
type stranger struct{ net.Conn }

func (stranger) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }
func (stranger) Close() error         { return nil }

func TestFurtherConnectionsWaitForOthersToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := &crowd{}
		b := bound(all, 2, 0)
		conns := make(chan net.Conn, 3)
		go func() {
			for range 3 {
				conn, err := b.Accept()
				if err != nil {
					t.Error(err)
				}
				conns <- conn
			}
		}()
		synctest.Wait()
		if n := all.accepted.Load(); n != 2 {
			t.Errorf("%d connections were accepted, want 2", n)
		}
		(<-conns).Close()
		synctest.Wait()
		if n := all.accepted.Load(); n != 3 {
			t.Errorf("after one was closed %d connections were accepted, want 3", n)
		}
	})
}

func TestAnErrorOfTheListenerIsHandedOn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := bound(l, 1, 1)
	l.Close()
	for range 2 { // and the slot is free again
		if _, err := b.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept: %v", err)
		}
	}
}

func TestServersHaveTimeOuts(t *testing.T) {
	s := newServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	for name, limit := range map[string]int64{
		"header": int64(s.ReadHeaderTimeout), "request": int64(s.ReadTimeout), "answer": int64(s.WriteTimeout), "idle": int64(s.IdleTimeout), "header's size": int64(s.MaxHeaderBytes),
	} {
		if limit <= 0 {
			t.Errorf("no limit of the %s", name)
		}
	}
}
