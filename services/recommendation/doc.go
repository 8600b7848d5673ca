// Package recommendation is the recommendation domain: it materialises Recommendation: what each customer and visitor is likely to want next.
package recommendation
