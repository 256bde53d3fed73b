/* How an overrun is answered: from a pending action to a stop. Counting is one
   step here (counting.pml has it in many): the license takes up what runs, late
   or never, and covers the oldest. Two enforcers may hold the same action, each
   can die between any two steps (an intent belongs to the run that got it, for
   longer than a run lasts), and meanwhile instances end and start again, a
   person changes the count, and intents run out.

   The n-th instance is the n-th oldest; each uses one license. */

#ifndef N
#define N 2
#endif
#ifndef LAUNCHES
#define LAUNCHES 2 /* of each instance */
#endif
#ifndef TURNS
#define TURNS 2    /* how often the person changes the count, between 0 and 1 */
#endif
#ifndef BUDGET
#define BUDGET 2   /* actions that may be granted at all */
#endif

#define NONE    0
#define COVERED 1
#define OVER    2

/* The cloud. */
byte gen[N];
bit runs[N];

/* The license, as stored; each commit says to all enforcers that it moved. */
typedef License { byte gen[N]; byte verdict[N]; byte intent[N] /* whose, counted from 1 */; bit answered[N]; bit limit; byte spent }
License lic;
byte holds[2]; /* by enforcer: 1: the license as it is stored, 2: an older revision, 0: none */
byte pending[N]; /* actions that wait: a bit for each generation */
byte hand[2];    /* by enforcer: the instance in hand, counted from 1 */
byte turns;
bit didStop;     /* something was stopped */

#if N > 2
#define WAITING (pending[0] + pending[1] + pending[2])
#else
#define WAITING (pending[0] + pending[1])
#endif
#ifdef NO_LAST_LOOK /* whatever runs is stopped */
#define LASTLOOK || runs[i]
#else
#define LASTLOOK
#endif

/* scratch of d_steps, no part of the state */
hidden byte x, room;

inline copy(to, from) {
	x = 0;
	do
	:: x < N -> to.gen[x] = from.gen[x]; to.verdict[x] = from.verdict[x]; to.intent[x] = from.intent[x]; to.answered[x] = from.answered[x]; x++
	:: else -> break
	od;
	to.limit = from.limit; to.spent = from.spent
}

inline clear(l) {
	x = 0;
	do
	:: x < N -> l.gen[x] = 0; l.verdict[x] = 0; l.intent[x] = 0; l.answered[x] = 0; x++
	:: else -> break
	od;
	l.limit = 0; l.spent = 0
}

/* cover takes licenses from the youngest and gives them to the oldest, but to
   none that is about to be stopped. */
inline cover(l) {
	room = l.limit; x = 0;
	do
	:: x < N ->
		if
		:: l.verdict[x] == COVERED && room > 0 -> room--
		:: l.verdict[x] == COVERED && room == 0 -> l.verdict[x] = OVER; l.answered[x] = 0
		:: else
		fi;
		x++
	:: else -> break
	od;
	x = 0;
	do
	:: x < N ->
		if
#ifdef PROMOTES_INTENDED
		:: l.verdict[x] == OVER && room > 0 -> l.verdict[x] = COVERED; l.answered[x] = 0; room--
#else
		:: l.verdict[x] == OVER && room > 0 && !l.intent[x] -> l.verdict[x] = COVERED; l.answered[x] = 0; room--
#endif
		:: else
		fi;
		x++
	:: else -> break
	od
}

/* commit stores l, which has a revision of its own, and tells of what is to be
   answered. */
inline commit(l) {
	copy(lic, l);
	holds[0] = (holds[0] -> 2 : 0); holds[1] = (holds[1] -> 2 : 0);
	room = 0; x = 0;
	do
	:: x < N ->
		if :: lic.verdict[x] == COVERED -> room++ :: else fi;
		if
		:: lic.verdict[x] == OVER && !lic.intent[x] && !lic.answered[x] -> pending[x] = pending[x] | 1 << lic.gen[x]
		:: else
		fi;
		x++
	:: else -> break
	od;
	assert(room <= lic.limit);
	assert(lic.spent <= BUDGET)
}

/* observe is what track and sweep do, whenever they come to it. */
inline observe(i) {
	d_step {
		copy(w, lic);
		if
		:: !runs[i] -> w.verdict[i] = NONE; w.intent[i] = 0; w.answered[i] = 0
		:: else ->
			if
			:: w.gen[i] != gen[i] ->
				w.intent[i] = 0; w.answered[i] = 0;
				if :: w.verdict[i] == NONE -> w.verdict[i] = OVER :: else fi
			:: else
			fi
		fi;
		w.gen[i] = gen[i];
		cover(w); commit(w); clear(w)
	}
}

#define BEHIND(i) (lic.gen[i] != gen[i] || (lic.verdict[i] != NONE) != runs[i])

#ifdef INTENTS_END_EARLY
#define INTENTENDS(i) true
#else
#define INTENTENDS(i) (hand[0] != i + 1 && hand[1] != i + 1)
#endif

#define MISSING(i) (lic.verdict[i] == OVER && !lic.intent[i] && !lic.answered[i] && (pending[i] & 1 << lic.gen[i]) == 0)

#define HAPPENS(i) \
	:: d_step { !runs[i] && gen[i] < LAUNCHES -> gen[i]++; runs[i] = 1 } \
	:: d_step { runs[i] -> runs[i] = 0 } \
	:: BEHIND(i) -> observe(i) \
	:: d_step { MISSING(i) -> pending[i] = pending[i] | 1 << lic.gen[i] } /* the sweep finds what a cancel beside a commit dropped */ \
	:: d_step { lic.intent[i] && INTENTENDS(i) -> /* it runs out: longer than any function runs */ \
		copy(w, lic); w.intent[i] = 0; cover(w); commit(w); clear(w) }

#define WANTED(l) (l.verdict[i] == OVER && l.gen[i] == launch && !l.answered[i])

#define IDLE    0
#define REFUSED 1 /* nothing to answer */
#define ROOM    2 /* an intent lives, but there is room since: it is given up */
#define LATER   3 /* no budget, or another run is at it */
#define GRANTED 4 /* to be written */
#define LIVES   5 /* granted before, to this run */

/* An intent of a run that died is taken over by a commit, which makes it
   another's. */
#ifdef ANYBODYS_INTENT /* whoever asks takes it up or gives it up */
#define OTHERS(l) false
#define MINE(l) true
#else
#define MINE(l) (mine && l.intent[i] == me + 1)
#define OTHERS(l) (l.intent[i] == 2 - me && hand[1 - me] == i + 1)
#endif

/* ask folds the wish to stop i. */
inline ask() {
	d_step {
		copy(my, lic); holds[me] = 1; x = 0; room = my.limit;
		do
		:: x < N -> if :: my.verdict[x] == COVERED -> room-- :: else fi; x++
		:: else -> break
		od;
		if
		:: !WANTED(my) -> answer = REFUSED
		:: WANTED(my) && OTHERS(my) -> answer = LATER
		:: WANTED(my) && my.intent[i] && !OTHERS(my) && room > 0 -> answer = ROOM; my.intent[i] = 0; cover(my)
		:: WANTED(my) && my.intent[i] && !OTHERS(my) && room == 0 && MINE(my) -> answer = LIVES
		:: WANTED(my) && my.intent[i] && !OTHERS(my) && room == 0 && !MINE(my) -> answer = GRANTED; my.intent[i] = me + 1
		:: WANTED(my) && !my.intent[i] && my.spent == BUDGET -> answer = LATER
		:: else -> answer = GRANTED; my.intent[i] = me + 1; my.spent++
		fi
	}
}

proctype Enforcer(byte me) {
	byte i, launch, answer;
	bit sure;
	bit mine; /* this run was granted the intent */
	License my;
end:
	do
	:: atomic { (pending[0] & 2) != 0 -> i = 0; launch = 1; hand[me] = 1; goto look }
	:: atomic { (pending[0] & 4) != 0 -> i = 0; launch = 2; hand[me] = 1; goto look }
	:: atomic { (pending[1] & 2) != 0 -> i = 1; launch = 1; hand[me] = 2; goto look }
	:: atomic { (pending[1] & 4) != 0 -> i = 1; launch = 2; hand[me] = 2; goto look }
#if N > 2
	:: atomic { (pending[2] & 2) != 0 -> i = 2; launch = 1; hand[me] = 3; goto look }
	:: atomic { (pending[2] & 4) != 0 -> i = 2; launch = 2; hand[me] = 3; goto look }
#endif
	od;
look:
	if
	:: runs[i] && gen[i] == launch
	:: atomic { !(runs[i] && gen[i] == launch) -> goto cancel }
	:: goto rest
	fi;
fold:
	atomic { true -> ask() };
	if
	:: atomic { answer == REFUSED -> goto cancel }
	:: atomic { answer == LATER -> goto rest }
	:: atomic { answer == LIVES -> goto granted }
	:: answer == GRANTED || answer == ROOM
	:: goto rest
	fi;
	if
#ifdef NO_CONDITION /* what was read is trusted */
	:: d_step { answer == GRANTED -> assert(WANTED(lic)); copy(my, lic); my.intent[i] = me + 1; my.spent++; commit(my) }
	:: d_step { answer == ROOM && holds[me] == 1 -> commit(my) }
	:: atomic { answer == ROOM && holds[me] == 2 -> goto fold }
#else
	:: d_step { holds[me] == 1 -> assert(answer == ROOM || WANTED(lic)); commit(my) }
	:: atomic { holds[me] == 2 -> goto fold }
#endif
	:: goto rest
	fi;
	if
	:: atomic { answer == ROOM -> goto cancel }
	:: atomic { answer == GRANTED -> mine = 1; goto granted }
	:: goto rest /* the answer is lost, or it dies: the intent lives */
	fi;
granted: /* asked once more: license, and then the instance right before the stop */
	if
	:: atomic { !sure -> sure = 1; goto fold }
	:: sure
	:: goto rest
	fi;
	if
	:: d_step { (runs[i] && gen[i] == launch) LASTLOOK ->
		assert(gen[i] == launch); /* no other generation */
		assert(lic.verdict[i] == OVER); /* nothing that is covered */
		runs[i] = 0; didStop = 1 }
	:: atomic { !(runs[i] && gen[i] == launch) -> goto cancel }
	:: goto rest
	fi;
outcome:
	atomic { true -> d_step { copy(my, lic); holds[me] = 1; if :: my.gen[i] == launch -> my.answered[i] = 1 :: else fi } };
	if
	:: d_step { holds[me] == 1 -> commit(my) }
	:: atomic { holds[me] == 2 -> goto outcome }
	:: goto rest
	fi;
cancel:
	pending[i] = pending[i] & ~(1 << launch);
rest:
	atomic { i = 0; launch = 0; answer = IDLE; sure = 0; mine = 0; holds[me] = 0; hand[me] = 0; clear(my) };
	goto end
}

init {
	License w;
	run Enforcer(0);
	run Enforcer(1);
	do
	HAPPENS(0)
	HAPPENS(1)
#if N > 2
	HAPPENS(2)
#endif
	:: d_step { turns < TURNS -> turns++; copy(w, lic); w.limit = 1 - w.limit; cover(w); commit(w); clear(w) }
	:: atomic { hand[0] == 0 && hand[1] == 0 && WAITING == 0 && !MISSING(0) && !MISSING(1) && !MISSING(N-1) && !BEHIND(0) && !BEHIND(1) && !BEHIND(N-1) -> break }
	od;
#ifdef REACH
	assert(!didStop)
#endif
}
