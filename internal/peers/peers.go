// Package peers measures the fleet's functions beside what people would use instead, on the
// same host and in the same run: only ratios of such figures mean anything on a machine that
// others use too.
//
// The measurements are tests with the tag peers (`make bench-peers`), which need Node.js and
// the peers' published packages. They fail if a peer or a function of ours does not do its
// work, and never because of a time.
package peers
