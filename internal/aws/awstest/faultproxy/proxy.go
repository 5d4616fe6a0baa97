// Package faultproxy is test support: a proxy between AWS SDK clients and an emulated
// AWS. It records every call, and adds what the emulation lacks and the faults of a
// network.
//
// It distinguishes clients by their access keys, so each function needs a key of its
// own. The proxy forwards a request to its end even if the client has gone meanwhile:
// killing a process does not take a call back.
package faultproxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Proxy listens on the loopback interface. Its methods are safe for concurrent use.
type Proxy struct {
	upstream *url.URL
	client   http.Client
	server   *http.Server
	address  string

	mu      sync.Mutex
	names   map[string]string // of clients, by access key
	calls   []*Call
	rules   []*used // the last one is the outermost
	repeats repeats
}

// Start starts a proxy in front of the server at upstream. The caller closes it.
func Start(upstream string) (*Proxy, error) {
	target, err := url.Parse(upstream)
	if err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	p := &Proxy{
		upstream: target,
		// Compression is between the client and the server: a header that the proxy
		// added would not be among those that are signed.
		client: http.Client{
			Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		address: listener.Addr().String(),
		names:   map[string]string{},
	}
	p.server = &http.Server{Handler: http.HandlerFunc(p.serve), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(listener) }() // returns on Close
	return p, nil
}

// URL is the endpoint of the clients.
func (p *Proxy) URL() string { return "http://" + p.address }

// Close ends the proxy and its connections.
func (p *Proxy) Close() {
	_ = p.server.Close()
	p.client.CloseIdleConnections()
}

// Name gives the client with this access key a name. Others go by their key.
func (p *Proxy) Name(accessKey, client string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names[accessKey] = client
}

// Calls are all calls so far, in the order of their arrival.
func (p *Proxy) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	var calls []Call
	for _, c := range p.calls {
		calls = append(calls, *c)
	}
	return calls
}

// Violations are the requests that repeated a client's token, but not, byte for byte,
// the request that first had it.
func (p *Proxy) Violations() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.repeats.violations)
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone before it has asked
	}
	request := &Request{Body: body, Received: r}
	request.Call, request.cbor = callOf(r, body)
	p.mu.Lock()
	if name, known := p.names[request.Client]; known {
		request.Client = name
	}
	p.repeats.see(request)
	written := request.Call
	p.calls = append(p.calls, &written)
	rules := slices.Clone(p.rules)
	p.mu.Unlock()

	forward := func() Answer {
		answer := p.forward(context.WithoutCancel(r.Context()), r, body)
		p.mu.Lock()
		defer p.mu.Unlock()
		written.Forwarded = true
		return answer
	}
	for _, rule := range rules {
		inner := forward
		forward = func() Answer { return p.act(rule, request, inner) }
	}
	answer := forward()

	p.mu.Lock()
	if !answer.Lost {
		written.Status = answer.Status
	}
	p.mu.Unlock()
	if answer.Lost {
		panic(http.ErrAbortHandler) // breaks the connection
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body)
}

// forward asks the upstream server. The Host header stays, because it is signed.
func (p *Proxy) forward(ctx context.Context, r *http.Request, body []byte) Answer {
	out := r.Clone(ctx)
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = p.upstream.Scheme, p.upstream.Host
	out.Host = r.Host
	out.Body = io.NopCloser(bytes.NewReader(body))
	out.ContentLength = int64(len(body))
	response, err := p.client.Do(out)
	if err != nil {
		return Answer{Status: http.StatusBadGateway, Body: []byte("ask the server behind the proxy: " + err.Error())}
	}
	defer func() { _ = response.Body.Close() }()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{Status: http.StatusBadGateway, Body: []byte("read the answer of the server behind the proxy: " + err.Error())}
	}
	header := response.Header.Clone()
	header.Del("Connection")
	header.Del("Content-Length") // a rule may change the body
	return Answer{Status: response.StatusCode, Header: header, Body: said}
}
