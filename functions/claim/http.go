package claim

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
)

// maxBody is the most bytes of a claim's body: a nonce and an identity in JSON, with a
// session token whose length AWS does not state.
const maxBody = 16 << 10

const notANonce = "the body is a JSON object with a nonce"

// ServeHTTP serves POST /runners/{id}/claim, with {id} from the pattern.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body fleet.ClaimRequest
	if !read(w, r, &body) {
		reply := refuse(http.StatusBadRequest, "", notANonce)
		write(w, reply.Status, 0, reply.Body)
		return
	}
	req := requestOf(r)
	req.Nonce, req.Identity, req.CanAsk = body.Nonce, body.Identity, body.CanAsk
	reply := h.Handle(r.Context(), req)
	write(w, reply.Status, reply.RetryAfter, reply.Body)
}

// ServeJob serves POST /runners/{id}/job, with {id} from the pattern.
func (h Handler) ServeJob(w http.ResponseWriter, r *http.Request) {
	var body fleet.JobRequest
	if !read(w, r, &body) {
		reply := refuseJob(http.StatusBadRequest, notANonce)
		write(w, reply.Status, 0, reply.Body)
		return
	}
	req := requestOf(r)
	req.Nonce, req.Identity = body.Nonce, body.Identity
	reply := h.HandleJob(r.Context(), JobRequest{Request: req, Hint: body.JobHint})
	write(w, reply.Status, reply.RetryAfter, reply.Body)
}

func read(w http.ResponseWriter, r *http.Request, body any) bool {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	return err == nil && json.Unmarshal(raw, body) == nil
}

// requestOf is the part of a request that is not in its body.
func requestOf(r *http.Request) Request {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	return Request{RunnerID: r.PathValue("id"), Token: token, Address: from.Addr()}
}

func write(w http.ResponseWriter, status int, retryAfter time.Duration, body any) {
	for name, value := range header(retryAfter) {
		w.Header().Set(name, value)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error means that the client is gone
}

func header(retryAfter time.Duration) map[string]string {
	header := map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}
	if retryAfter > 0 {
		header["Retry-After"] = strconv.Itoa(int(math.Ceil(retryAfter.Seconds())))
	}
	return header
}
