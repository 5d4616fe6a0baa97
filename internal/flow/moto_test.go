//go:build aws

package flow

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// moto makes and looks at resources, with requests as bytes: the template's properties
// have the names of the APIs.
type moto struct {
	t           testing.TB
	url         string
	credentials aws.Credentials // moto accepts any until judge makes it check
}

// reset empties moto: there is one for all tests, and a name can be used only once.
func (m moto) reset() {
	m.t.Helper()
	resp, err := http.Post(m.url+"/moto-api/reset", "", nil)
	if err != nil {
		m.t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusOK {
		m.t.Fatalf("empty moto: %s", resp.Status)
	}
}

// json calls an operation of a JSON protocol: target is its X-Amz-Target.
func (m moto) json(service, target string, in any) map[string]any {
	m.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		m.t.Fatal(err)
	}
	version := "application/x-amz-json-1.1"
	if service == "dynamodb" || service == "sqs" {
		version = "application/x-amz-json-1.0"
	}
	answer := m.send(service, body, map[string]string{"X-Amz-Target": target, "Content-Type": version})
	var out map[string]any
	if len(bytes.TrimSpace(answer)) > 0 {
		if err := json.Unmarshal(answer, &out); err != nil {
			m.t.Fatalf("%s: %v: %s", target, err, answer)
		}
	}
	return out
}

// form calls an operation of a query protocol and returns the XML.
func (m moto) form(service string, values url.Values) string {
	m.t.Helper()
	return string(m.send(service, []byte(values.Encode()), map[string]string{"Content-Type": "application/x-www-form-urlencoded"}))
}

func (m moto) send(service string, body []byte, header map[string]string) []byte {
	m.t.Helper()
	status, answer := m.do(service, body, header)
	if status/100 != 2 {
		m.t.Fatalf("%s %v: %d %s", service, header, status, answer)
	}
	return answer
}

// try is json for a call that may be refused.
func (m moto) try(service, target string, in any) (status int) {
	m.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		m.t.Fatal(err)
	}
	status, _ = m.do(service, body, map[string]string{"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"})
	return status
}

func (m moto) do(service string, body []byte, header map[string]string) (status int, answer []byte) {
	m.t.Helper()
	ctx := context.Background() // requests that are open when a test ends are still carried out
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, bytes.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, m.credentials, r, hex.EncodeToString(sum[:]), service, region, time.Now()); err != nil {
		m.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		m.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// element is the text of the first XML element of a name.
func element(t testing.TB, xml, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(xml, "<"+name+">")
	text, _, closed := strings.Cut(rest, "</"+name+">")
	if !ok || !closed {
		t.Fatalf("no %s in %s", name, xml)
	}
	return text
}
