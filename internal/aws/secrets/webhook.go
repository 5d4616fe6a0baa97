package secrets

import "context"

// Webhook are one or two secrets, any value of which may have signed a delivery: a
// webhook has a second one while another secret replaces it.
type Webhook []*Secret

// WebhookSecrets returns all their values.
func (w Webhook) WebhookSecrets(ctx context.Context) (all []string, err error) {
	for _, secret := range w {
		values, err := secret.Values(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, values...)
	}
	return all, nil
}

// Refresh reads them again, at most once a minute each, and reports whether one has
// changed.
func (w Webhook) Refresh(ctx context.Context) (changed bool, err error) {
	for _, secret := range w {
		one, err := secret.Refresh(ctx)
		if err != nil {
			return false, err
		}
		changed = changed || one
	}
	return changed, nil
}
