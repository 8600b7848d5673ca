// Package churn is the churn domain: it materialises Churn Detection: VIPs with negative sentiment, and the probability of being active.
package churn
