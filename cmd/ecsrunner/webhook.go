package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/config"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/readable"
	"github.com/ecs-runner-fleet/ecs-runner-fleet/internal/sim"
)

func newWebhook() *cobra.Command {
	return group("webhook", "GitHub's webhook deliveries", newWebhookSend())
}

func newWebhookSend() *cobra.Command {
	var file, url, delivery, name, secret string
	cmd := &cobra.Command{
		Use:   "send --event FILE --url URL",
		Short: "Sign a payload and send it as GitHub would",
		Long: `Sign a payload and send it as GitHub would: with its headers and an HMAC-SHA256
over the bytes of the file. The answer is printed; the exit status is 1 unless
it is 2xx.

The secret comes from --secret, a reference as in fleet.yaml: env:NAME or
file:/path. On GitHub, a payload is in the webhook's settings under "Recent
Deliveries".`,
		Example: `  ecsrunner webhook send --event queued.json --url http://127.0.0.1:8080/webhook
  ecsrunner webhook send --event queued.json --url http://127.0.0.1:8080/webhook --secret file:/etc/ecsrunner/secret`,
		Annotations: environment(secretVar),
		Args:        noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" || url == "" {
				return usagef("--event and --url are needed: a file with the payload, and the address to send it to")
			}
			if u, err := neturl.Parse(url); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return usagef("--url %s is not an address: write it as http://127.0.0.1:8080/webhook", url)
			}
			body, err := os.ReadFile(file)
			if err != nil {
				return usagef("--event: %w: name a readable file with a payload", err)
			}
			key, err := config.SecretRef(secret).Resolve(os.Getenv, os.ReadFile)
			if err != nil {
				return usagef("--secret: %w; it must be the one that the fleet has", err)
			}
			if name == "" {
				name = eventOf(body)
			}
			if delivery == "" {
				delivery = guid()
			}
			return sendWebhook(cmd, url, body, map[string]string{
				"X-GitHub-Event": name, "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": sim.Signature(key, body),
				"User-Agent": "GitHub-Hookshot/ecsrunner", "Content-Type": "application/json", "X-GitHub-Hook-Installation-Target-Type": "repository",
			})
		},
	}
	cmd.Flags().StringVar(&file, "event", "", "file with the payload")
	cmd.Flags().StringVar(&url, "url", "", "where to send it, as http://127.0.0.1:8080/webhook")
	cmd.Flags().StringVar(&delivery, "delivery", "", "GUID of the delivery (default: a new one)")
	cmd.Flags().StringVar(&name, "name", "", "event name (default: told from the payload: ping or workflow_job)")
	cmd.Flags().StringVar(&secret, "secret", string(config.DefaultWebhookSecret), "where the webhook secret is kept")
	return cmd
}

func sendWebhook(cmd *cobra.Command, url string, body []byte, header map[string]string) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Second) // GitHub's own limit
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return usagef("--url: %w", err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	// Like GitHub, it follows no redirects.
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("send delivery %s: %w: does the fleet serve that address?", header["X-GitHub-Delivery"], err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read the answer to delivery %s: %w", header["X-GitHub-Delivery"], err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", resp.Status, strings.TrimSpace(readable.Plain(string(answer))))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("delivery %s was not accepted: %s", header["X-GitHub-Delivery"], nextStep(resp.StatusCode))
	}
	return nil
}

// nextStep is what to do about an answer that is not 2xx.
func nextStep(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "the fleet has another webhook secret; compare --secret with its webhook_secret"
	case http.StatusForbidden:
		return "the fleet does not serve the payload's repository; see github_repo in its configuration"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return "--url must end in the webhook's path, on one machine /webhook"
	case http.StatusServiceUnavailable:
		return "send it again later, as GitHub can redeliver"
	}
	return "the answer above says why"
}

// eventOf derives the event from the payload, among the events that the fleet handles.
func eventOf(body []byte) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) == nil {
		if _, ok := fields["zen"]; ok {
			return "ping"
		}
	}
	return "workflow_job"
}

// guid makes a random UUID, which is the form of GitHub's delivery ids.
func guid() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
