package webhook

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// ServeHTTP serves deliveries on one machine. It reads nothing of a body that cannot be
// signed, and of every body no more than shows that it is too large.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := Request{Method: r.Method, Header: make(map[string]string, len(r.Header))}
	for name, values := range r.Header {
		req.Header[strings.ToLower(name)] = strings.Join(values, ",")
	}
	if _, signed := parseSignature(req.header("X-Hub-Signature-256")); signed && r.Method == http.MethodPost {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody+1))
		var tooLarge *http.MaxBytesError
		if err != nil && !errors.As(err, &tooLarge) {
			resp := invalid("the body did not arrive whole")
			h.log(r.Context(), &delivery{id: fleet.ClipBytes(req.header("X-GitHub-Delivery"), maxShort)}, resp)
			send(w, resp)
			return
		}
		req.Body = body
	}
	send(w, h.Handle(r.Context(), req))
}

func send(w http.ResponseWriter, resp Response) {
	w.Header().Set("Content-Type", jsonType)
	for name, value := range resp.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(resp.Status)
	_ = json.NewEncoder(w).Encode(resp.Body)
}
