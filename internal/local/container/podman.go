package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// podmanNetwork is a network in Podman's own API. Docker's API cannot be used here:
// once a network was looked up through it, Podman 4.3 no longer keeps that network
// apart from others when it starts a container there.
type podmanNetwork struct {
	Name    string            `json:"name"`
	Driver  string            `json:"driver,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Options map[string]string `json:"options,omitempty"`
	Subnets []struct {
		Gateway string `json:"gateway"`
	} `json:"subnets,omitempty"`
}

// isolate is the option that keeps a network apart from all others that have it.
const isolate = "isolate"

func (n podmanNetwork) network() (Network, error) {
	for _, subnet := range n.Subnets {
		if subnet.Gateway != "" {
			return Network{Name: n.Name, Gateway: subnet.Gateway, Apart: n.Options[isolate] == "true"}, nil
		}
	}
	return Network{}, noGateway(n.Name)
}

// ensurePodmanNetwork makes a network, if it is not there.
func (e *Engine) ensurePodmanNetwork(ctx context.Context, name string, labels map[string]string) (Network, error) {
	if found, ok, err := e.podmanNetwork(ctx, name); ok || err != nil {
		return found, err
	}
	var made podmanNetwork
	wanted := podmanNetwork{Name: name, Driver: "bridge", Labels: labels, Options: map[string]string{isolate: "true"}}
	ok, err := e.podman(ctx, http.MethodPost, "networks/create", wanted, &made)
	if err == nil && !ok {
		err = errors.New("this release of Podman keeps no networks apart")
	}
	if err != nil {
		if found, ok, lookErr := e.podmanNetwork(ctx, name); ok && lookErr == nil {
			return found, nil // another made it meanwhile, or the answer was lost
		}
		return Network{}, err
	}
	return made.network()
}

// podmanNetwork looks a network up.
func (e *Engine) podmanNetwork(ctx context.Context, name string) (_ Network, ok bool, _ error) {
	var found podmanNetwork
	if ok, err := e.podman(ctx, http.MethodGet, "networks/"+url.PathEscape(name)+"/json", nil, &found); !ok || err != nil {
		return Network{}, false, err
	}
	network, err := found.network()
	return network, err == nil, err
}

// podmanNetworks lists the networks with a label.
func (e *Engine) podmanNetworks(ctx context.Context, label, value string) (list []podmanNetwork, err error) {
	filters, err := json.Marshal(map[string][]string{"label": {label + "=" + value}})
	if err == nil {
		_, err = e.podman(ctx, http.MethodGet, "networks/json?filters="+url.QueryEscape(string(filters)), nil, &list)
	}
	return list, err
}

// podman asks Podman through its own API. It returns false if the thing does not exist.
func (e *Engine) podman(ctx context.Context, method, path string, in, out any) (ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, answers)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return false, err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://podman/v4.0.0/libpod/"+path, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/json")
	dial := e.client.Dialer()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return false, fmt.Errorf("ask Podman for %s: %w", path, err)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotFound:
		return false, nil
	case response.StatusCode >= http.StatusBadRequest:
		var refused struct{ Message string }
		_ = json.NewDecoder(response.Body).Decode(&refused)
		return false, fmt.Errorf("ask Podman for %s: %s: %s", path, response.Status, refused.Message)
	}
	return true, json.NewDecoder(response.Body).Decode(out)
}
