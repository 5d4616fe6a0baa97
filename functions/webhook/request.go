package webhook

import (
	"bytes"
	"encoding/base64"
	"errors"
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
	given := r.header("Content-Type")
	if given == jsonType { // GitHub's
		return jsonType
	}
	mediaType, _, err := mime.ParseMediaType(given)
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

// payload returns the document of a body, which may be JSON.
func (r Request) payload(body []byte) ([]byte, error) {
	if r.contentType() != formType {
		return body, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("the body is not a form")
	}
	if !form.Has("payload") {
		return nil, errors.New("the form has no field payload")
	}
	return []byte(form.Get("payload")), nil
}
