package price

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"sync"
)

// Home is the region that the file has all prices of.
const Home = "us-east-1"

// Price is one line of the file.
type Price struct {
	Name   string  `json:"name"`
	Region string  `json:"region,omitempty"`
	USD    float64 `json:"usd"`
	Per    string  `json:"per"`
	Origin
}

// Origin says where a price is from.
type Origin struct {
	AsOf     string `json:"as_of"` // a day, or a year if the day is not known
	Source   string `json:"source"`
	Obtained string `json:"obtained"` // how the price came from there to here
	// Unverified reports that the price is second-hand: it was not read at its source.
	Unverified bool `json:"unverified,omitempty"`
}

// Part is one service's part of what a runner costs beside its task.
type Part struct {
	What     string  `json:"what"`
	Price    string  `json:"price"`
	Quantity float64 `json:"quantity"`
}

// Prices are what the file has.
type Prices struct {
	Prices []Price  `json:"prices"`
	Runner []Part   `json:"runner"` // what the control plane uses for one runner
	Hosted []Hosted `json:"hosted"`
}

//go:embed prices.json
var file []byte

var read = sync.OnceValue(func() Prices {
	var list Prices
	decoder := json.NewDecoder(bytes.NewReader(file))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		panic("internal/price/prices.json: " + err.Error()) // a test reads it
	}
	return list
})

// List returns all prices. The caller must not change them.
func List() Prices { return read() }
