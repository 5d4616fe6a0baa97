package instruments

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// mostAsking is how many may ask at once; others are refused with 503.
const mostAsking = 4

// Handler serves GET /metrics, in the format that the request asks for.
func (i *Instruments) Handler() http.Handler {
	return promhttp.HandlerFor(i.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(i.log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
		MaxRequestsInFlight: mostAsking, Timeout: 2 * readFor, EnableOpenMetrics: true,
	})
}
