package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded" // the default of hooks made by GitHub's API
)

// header returns the header with a name in any case, or "".
func (r Request) header(name string) string {
	if v, ok := r.Header[strings.ToLower(name)]; ok {
		return v
	}
	for k, v := range r.Header {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

func (r Request) contentType() string {
	mediaType, _, err := mime.ParseMediaType(r.header("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return ""
	}
	return mediaType
}

// check refuses what cannot be a delivery, before it costs anything, and returns the
// bytes that the signature covers.
func (r Request) check() ([]byte, *Response) {
	refuse := func(status int, format string, args ...any) ([]byte, *Response) {
		resp := reply(status, Invalid, format, args...)
		return nil, &resp
	}
	if r.Method != http.MethodPost {
		_, resp := refuse(http.StatusMethodNotAllowed, "GitHub sends webhooks with POST")
		resp.Header = map[string]string{"Allow": http.MethodPost}
		return nil, resp
	}
	size := len(r.Body)
	if r.IsBase64 {
		size = base64.StdEncoding.DecodedLen(size) - len(r.Body) + len(bytes.TrimRight(r.Body, "="))
	}
	if size > MaxBody {
		return refuse(http.StatusRequestEntityTooLarge, "the body is larger than 1 MiB: of the webhook's events, choose \"Workflow jobs\" alone")
	}
	if t := r.contentType(); t != jsonType && t != formType {
		return refuse(http.StatusUnsupportedMediaType, "set the webhook's content type to %s (%s works too)", jsonType, formType)
	}
	if !r.IsBase64 {
		return r.Body, nil
	}
	body, err := base64.StdEncoding.DecodeString(string(r.Body))
	if err != nil {
		return refuse(http.StatusBadRequest, "the body is marked as base64 and is not")
	}
	return body, nil
}

// payload returns the JSON document of a body.
func (r Request) payload(body []byte) (json.RawMessage, error) {
	if r.contentType() == formType {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, errors.New("the body is not a form")
		}
		if !form.Has("payload") {
			return nil, errors.New("the form has no field payload")
		}
		body = []byte(form.Get("payload"))
	}
	var doc json.RawMessage
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, explain(err)
	}
	if first := bytes.TrimLeft(doc, " \t\r\n"); len(first) == 0 || first[0] != '{' {
		return nil, errors.New("the payload is not a JSON object")
	}
	return doc, nil
}

// explain says where a payload is wrong, and never shows what it holds.
func explain(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("the payload is no JSON: %s at byte %d", syntax, syntax.Offset)
	}
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("the payload's %s is of another type than GitHub sends", mismatch.Field)
	}
	return errors.New("the payload is no JSON")
}
