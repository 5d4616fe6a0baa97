package price

import (
	"fmt"
	"math"
	"strconv"
)

// Amount is money in billionths of a dollar. Amounts are whole numbers so that sums over
// any grouping are equal: sums of fractions depend on their order.
type Amount int64

const perDollar = 1e9

func dollars(d float64) Amount { return Amount(math.Round(d * perDollar)) }

// Dollars is the amount in dollars.
func (a Amount) Dollars() float64 { return float64(a) / perDollar }

// String has as many digits as an amount of its size needs.
func (a Amount) String() string {
	switch d := a.Dollars(); {
	case a == 0:
		return "$0"
	case math.Abs(d) >= 0.995:
		return fmt.Sprintf("$%.2f", d)
	case math.Abs(d) >= 0.00995:
		return fmt.Sprintf("$%.3f", d)
	default:
		return "$" + strconv.FormatFloat(d, 'f', 5, 64)
	}
}

// MarshalJSON writes dollars, with all digits that the amount has.
func (a Amount) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, a.Dollars(), 'f', -1, 64), nil
}

// UnmarshalJSON reads dollars.
func (a *Amount) UnmarshalJSON(text []byte) error {
	d, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return fmt.Errorf("read an amount: %w", err)
	}
	*a = dollars(d)
	return nil
}
