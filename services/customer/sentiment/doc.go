// Package sentiment scores the mood of short English texts by a lexicon and rules: the method of Hutto and Gilbert,
// "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text" (ICWSM 2014), written anew from
// its description and from what its reference implementation answers, so that both give the same scores to the fourth
// decimal with the same lexicon. The lexicon itself is read from a file of that format and is no part of this package;
// without a file a small one of our own serves (lexicon.txt, emoji.txt).
//
// A [Model] is immutable and safe for concurrent use; scoring blocks on nothing and allocates nothing once its buffers
// have grown. Scores are floating point, in a fixed order of operations, rounded half to even at the end, so they are
// the same on every machine.
//
// The rules, for the words of a text in their order:
//
//   - A word in the lexicon has its valence there. All others have 0, and so have boosters and the kind of "kind of".
//   - Written in capitals, in a text that is not all capitals, a valence grows by 0.733 away from 0.
//   - Boosters among the three words before add or take 0.293 (dampeners the other way), 5 % less at the second word,
//     10 % less at the third; in capitals 0.733 more.
//   - Negations among the three words before multiply by −0.74; so do "no" and "least", with exceptions. "never so" and
//     "never this" multiply by 1.25 instead.
//   - A few phrases have valences of their own.
//   - Before the first "but" valences count half, after it one and a half times.
//   - Up to four exclamation marks add 0.292 each to the sum, away from 0; two or more question marks 0.18 each, at most
//     0.96.
//   - The sum x becomes x/√(x²+15), which lies between −1 and 1.
//   - Emoji are read as the words that describe them.
package sentiment
