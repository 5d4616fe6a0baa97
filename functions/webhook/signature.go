package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// authenticate checks the signature. The sender of a wrong signature learns only that
// it is wrong; the log says in which way. A malformed signature costs no look at the
// secrets, and one that does not match costs at most one more look: the secret may just
// have been replaced.
func (h Handler) authenticate(ctx context.Context, r Request, body []byte, d *delivery) (Response, bool) {
	unauthorized := Response{Status: http.StatusUnauthorized, Body: Reply{Status: Unauthorized}}
	header := r.header("X-Hub-Signature-256")
	mac, ok := parseSignature(header)
	if !ok {
		d.cause = "the signature is malformed"
		if header == "" {
			d.cause = "the signature is missing: set a secret on the webhook"
		}
		return unauthorized, false
	}
	keys, err := h.Secrets.WebhookSecrets(ctx)
	if err != nil {
		d.cause = err.Error()
		return unavailable("the webhook's secret cannot be read just now"), false
	}
	if verify(keys, body, mac) {
		return Response{}, true
	}
	d.cause = "the signature matches no secret"
	if keys, err = h.changedSecrets(ctx); err != nil {
		d.cause += "; looking for a newer one: " + err.Error()
	}
	if !verify(keys, body, mac) {
		return unauthorized, false
	}
	d.cause = ""
	return Response{}, true
}

// changedSecrets reads the secrets again, if they can be refreshed, and returns none
// unless they have changed: then the signature may match one of the new ones.
func (h Handler) changedSecrets(ctx context.Context) ([]string, error) {
	source, ok := h.Secrets.(refresher)
	if !ok {
		return nil, nil
	}
	if changed, err := source.Refresh(ctx); err != nil || !changed {
		return nil, err
	}
	return h.Secrets.WebhookSecrets(ctx)
}

// parseSignature reads sha256=<64 hexadecimal digits>.
func parseSignature(header string) (mac []byte, ok bool) {
	digits, ok := strings.CutPrefix(header, "sha256=")
	if !ok || len(digits) != hex.EncodedLen(sha256.Size) {
		return nil, false
	}
	mac, err := hex.DecodeString(digits)
	return mac, err == nil
}

// verify reports whether mac is the HMAC-SHA256 of the body with one of the keys. A
// wrong mac takes it as long as a right one. An empty key never matches: anyone could
// sign with it.
func verify(keys []string, body, mac []byte) bool {
	fits := false
	for _, key := range keys {
		if key == "" {
			continue
		}
		hash := hmac.New(sha256.New, []byte(key))
		hash.Write(body)
		fits = hmac.Equal(hash.Sum(nil), mac) || fits
	}
	return fits
}
