package faultproxy

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
)

// Call is the proxy's record of a request.
type Call struct {
	Client    string // its name, or its access key; "" if the request is not signed
	Service   string // as it is signed: ecs, states, dynamodb, events, …
	Operation string // RunTask, …
	BodyHash  string // SHA-256, in hexadecimal
	Forwarded bool   // the emulation has seen it
	Status    int    // as the client got it; 0 if there is no answer, or none yet
}

// Request is a call that is being made.
type Request struct {
	Call
	Body []byte
	// Received is the request as it came. Its body has been read.
	Received *http.Request

	cbor bool // the protocol is RPC v2 CBOR
}

// Answer is what the client gets.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Lost   bool // the connection breaks instead
}

// callOf reads which client makes which call. AWS's protocols name the operation in a
// header (awsJson), in the form (query) or in the path (RPC v2 CBOR).
func callOf(r *http.Request, body []byte) (Call, bool) {
	sum := sha256.Sum256(body)
	c := Call{BodyHash: hex.EncodeToString(sum[:])}
	c.Client, c.Service = signer(r.Header.Get("Authorization"))
	if presigned := r.URL.Query().Get("X-Amz-Credential"); presigned != "" {
		c.Client, c.Service = signer("Credential=" + presigned)
	}
	cbor := r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor"
	switch target := r.Header.Get("X-Amz-Target"); {
	case cbor:
		_, c.Operation, _ = strings.Cut(r.URL.Path, "/operation/")
	case target != "":
		c.Operation = target[strings.LastIndex(target, ".")+1:]
	default:
		form, err := url.ParseQuery(string(body))
		if err != nil || form.Get("Action") == "" {
			form = r.URL.Query()
		}
		c.Operation = form.Get("Action")
	}
	return c, cbor
}

// signer is the access key and the service of a signature, whose form is
// AWS4-HMAC-SHA256 Credential=KEY/20260304/us-east-1/ecs/aws4_request, …
func signer(authorization string) (key, service string) {
	_, scope, _ := strings.Cut(authorization, "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	if part := strings.Split(scope, "/"); len(part) == 5 {
		return part[0], part[3]
	}
	return "", ""
}
