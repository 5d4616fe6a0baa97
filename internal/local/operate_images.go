package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/fleet"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/operate"
)

// BuildImage asks the fleet that serves dir for the next revision of an image, and
// returns its record as it is before that. One that does not run builds nothing.
func BuildImage(ctx context.Context, dir string, spec fleet.ImageSpec) (fleet.ImageRecord, error) {
	return askForImage(ctx, dir, "/images/build", spec)
}

// RemoveImage has the fleet that serves dir delete an image.
func RemoveImage(ctx context.Context, dir, tag string) (fleet.ImageRecord, error) {
	return askForImage(ctx, dir, "/images/"+url.PathEscape(tag)+"/remove", nil)
}

func askForImage(ctx context.Context, dir, target string, request any) (fleet.ImageRecord, error) {
	var answered struct {
		Result fleet.ImageRecord `json:"result"`
		failure
	}
	err := ask(ctx, dir, target, request, func(_ int, body io.Reader) error { return decode(body, &answered) })
	if err == nil && answered.Error != "" {
		err = errors.New(answered.Error)
	}
	return answered.Result, err
}

// RefreshImages brings the images of the fleet of a data directory up to date. One that
// does not run does so when it is started.
func RefreshImages(ctx context.Context, dir string, all bool) (operate.RefreshResult, error) {
	return change(ctx, dir, fmt.Sprintf("/images/refresh?all=%t", all), nil, func(o operate.Operator) (operate.RefreshResult, error) {
		return o.RefreshImages(ctx, all)
	})
}

func (f *Fleet) serveBuildImage(w http.ResponseWriter, r *http.Request) {
	var spec fleet.ImageSpec
	if err := json.NewDecoder(io.LimitReader(r.Body, maxAnswer)).Decode(&spec); err != nil {
		answer(w, http.StatusBadRequest, failure{"build an image: its spec cannot be read"})
		return
	}
	if f.builder == nil {
		answer(w, http.StatusConflict, failure{noImages})
		return
	}
	record, err := f.operator().BuildImage(r.Context(), spec)
	f.sweeper.Hurry()
	answerWith(w, record, err)
}

func (f *Fleet) serveRemoveImage(w http.ResponseWriter, r *http.Request) {
	if f.builder == nil {
		answer(w, http.StatusConflict, failure{noImages})
		return
	}
	record, err := f.operator().RemoveImage(r.Context(), r.PathValue("tag"))
	answerWith(w, record, err)
}

func (f *Fleet) serveRefreshImages(w http.ResponseWriter, r *http.Request) {
	result, err := f.operator().RefreshImages(r.Context(), r.URL.Query().Get("all") == "true")
	f.sweeper.Hurry()
	answerWith(w, result, err)
}
