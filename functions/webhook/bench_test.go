package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// payloads are a recorded payload of 8 KB, and the same with longer text in a field that
// the fleet does not use: of a size that GitHub sends for large organizations, and of the
// largest that is read.
func payloads(b *testing.B) map[string][]byte {
	recorded := fixture(b, "workflow_job/05-queued-hosted-labels-with-runner.json")
	of := func(size int) []byte {
		var steps []string
		for n := 0; len(steps)*120 < size-len(recorded); n++ {
			steps = append(steps, fmt.Sprintf(`{"name":"Step %d of the job","status":"queued","conclusion":null,"number":%d,"started_at":null,"completed_at":null}`, n, n))
		}
		return bytes.Replace(recorded, []byte(`{`), []byte(`{"further":[`+strings.Join(steps, ",")+`],`), 1)
	}
	return map[string][]byte{"7KB": recorded, "30KB": of(30 << 10), "1MB": of(1000 << 10)}
}

// BenchmarkVerifyAndParse is what a delivery costs before the fleet decides about its job:
// `floor` is the HMAC and one pass over the document by SkipValue, token by token.
func BenchmarkVerifyAndParse(b *testing.B) {
	key := []byte(secret)
	for size, body := range payloads(b) {
		hash := hmac.New(sha256.New, key)
		hash.Write(body)
		mac := hash.Sum(nil)
		b.Run(size+"/ours", func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if !verify([]string{secret}, body, mac) {
					b.Fatal("the signature does not match")
				}
				if _, err := ReadJob(body); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(size+"/floor", func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if !verify([]string{secret}, body, mac) {
					b.Fatal("the signature does not match")
				}
				d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
				if err := d.SkipValue(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
