// Package recommendation is the recommendation domain: it materialises Recommendation
// (pub.ecomm.prodrec.recommendation.state.v1), what each customer and visitor is likely to want next.
//
// Six products do it. Shoppers remember what a customer or visitor looks at and has in the cart; histories, what a
// customer bought; neighbours, next views and popularity count what stands close to each product in orders, what is
// looked at after it and what sells; recommendations make lists of all that whenever a shopper did something. How, is
// package model. All rows are bounded, and apart from each other where one changes more often than the other: a look at
// a product writes neither what the customer bought nor what is bought with the product.
//
// Ordering. What one shopper does reaches the lists in the order of its partition; orders, which come on another way, a
// commit later. Counts are sums, so their order does not matter. Lists read the counts as they were at most five
// seconds ago, and what is available half a second ago, not as of the event: a repetition from scratch may make
// different lists on the way, and the same once a shopper comes again after all orders have been counted. A list that
// is a day old is made anew when its shopper does anything.
//
// An anonymous visitor is forgotten at the end of the day (UTC) 30 days after the last action. At login what the visitor
// did goes over to the customer, and the visitor's row is removed. When the customer domain says that an account is
// gone, its lists, looks, cart and purchases are removed; what it bought stays counted in the rows of products, which
// name nobody. What is still on its way then, or is done under the id later, begins anew. A replay that takes more than
// 30 days into one transaction is ahead of what it re-keys: visitors of a month ago may then be forgotten between two of
// their actions, and the step between these is not counted.
//
// Nothing here starts goroutines; the query API's table does, and is closed with the service. A crash loses nothing that
// was committed.
package recommendation
