"""Two pictures as other encoders packed them: what pydicom cannot write."""

from __future__ import annotations

import base64

import numpy as np
import numpy.typing as npt


def picture() -> npt.NDArray[np.uint16]:
    """``(24, 20)`` 12-bit values by a formula; the streams below hold just these."""
    y, x = np.mgrid[:24, :20]
    return ((y * 173 + x * 57 + (y * x) % 11 * 31) % 4096).astype(np.uint16)


HTJ2K = base64.b85decode(
    "|4;u>04YEK0000K0000O00000000000000K0000O0000000000009pH0sl|{2mk^A000XAQUDA90ssL31q1{@0smY8"
    "6Cj9?kdTm&kdTm&kdTmwh=~7W02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00002<p2TylfVEb74ZcJbO68r6F>kH"
    "KmZc}D*Xb7bO8SI1BY|~HTnYwbO68r6TkoyzyK2feK`IBi*x`@Y5o9$GyrS<0ta*ezyK9+00pN209Jr3*e!EXl>*FS"
    "l>jaZS-PUiQfqg5@edHZ;(&jc022HRdg3Bm{R#Yol>op17hwPZU4#Gub|6Jy6e1Xe*kn-X(PSC~j@UaArCf$ALo|^I"
    "9_TGm$+I>7C-49TBmWCS3&Icqo&ZG%G7;({3;Kuxn-ERXiTzWQJ%D)FByAgeW?<Epy95mW5C9}|FaQBkAifv^kO85<"
    "Kc^tPw*3IAAhtXGU@3H7NfWc&qxd9_JlU_UA&g`e{TQDlDfy);Mi+zt0lomh057E=02kBn01N04ew9j9srpMN>J$!4"
    "K}kuKids?oRHml<Qc$L+QYeP0RHjv`r&3T*rv9a<q@bp<{YXinrlL+!N%=R0f+A(AnqV5mZ>q`^Q>LLv>36ECX#k4a"
    "D?m}|O!ET2sPG4sRG0#Q6#B={f0_;es6?$4c)||?YpEOfEP+)hT5`VmBrVL6eh0auuSi&dA%kAPh(FN+e#(goRjO$f"
    "lvIkUG6e{5ikgZlMTL4gWeSBVg<2(LdP-#qMc=+Dl_`~}e*Gz?PNt})Ql<b^PNq{-QlO|vQK6nnp_=}i!ZcE#N@}1M"
    "DxjVzseYB2hUup&wE&?4tON`xy3e$R=@S$D18GtKZl)m=sz^vBj!J>X{s0lc!CvAZ0323Qcf0sq#_RqSn!_BFJ&Y^>"
    "fKNe*@6rPPsismzrKXxvMOCU)RjH=x-+u}f)l~l|`IkC16?ICLREnx<s;N}{r%Iu!PVFy66_wQfsHW=QR8&#z|0!8@"
    "07jKmMb%UVRG|v~KlT3~|0l&%q=E+k_D)hSctC*@f~8KzIfyUxVlN-)h6VP2sl}@Pn(ToPfC^;@K-bv<|Je"
)
"""OpenJPH (imagecodecs 2026.3.6), reversible."""
JPEG_LOSSLESS_SV1 = base64.b85decode(
    "|JeWF01!$>Nk#wx0RR9200961|HA+a3;-Aa6afJd0RO}Q8UO$T00RL40000000000000ID2m=KP4FB2y2mt{A0RRB="
    "{{WnvoSdAToSdAToSdAToSdAToYk#{!(p)4Y&IJWhQtKeY&IJWhQnd8R=wWuce~ypd%fQ8c!lowd%fQA3*GNl($uvr"
    "AX3z|Eg(|Vw1G=f)U<(1Qq;78R@SwwzgpI^{cBpw^{l^I*0TL;TFdpVYgXEpr2T47)};MvPu8UUYFd-^sXtni^{H0g"
    "Y1_>^d8cnQ?dF|M-f7#-J9(#XH0@i_CFew!i_VEJ7o8GbFFGW==#uey(Iw*Yt?7u^-%Liv#`<D5HaF7|vA&p%jg9oi"
    "t?Gs>Sh00O7A#n?bwd^`Sh}H$6<gN**6Ve;-EOyAt=8+U`>odNb-LYds?(E`larH^larH^larH^larH^nzgXlY&IJW"
    "hQnd7*npc2hQnd7*lac`*Sp>B_j|-Ice~y15WU{-ce~ypd%fz~T9&1x3R;$>qzYP=kSS_fmXIlGT9%M1+Sav~>sr=d"
    "t!r6+wU_H!)?ck_S$?&xYTHuOpRGyy)Ss<M`qZDTOHzKdC+kvvwJO`qJ9(#XH0|b{ywj=M%{zIgd>&r;?+220t>}{T"
    "qD#f+M3;-si7ywO5?**jSDyRd2#WD}R`kSdZ>A$-V|_6j8yoPL4UP1~Y;13)HE&cgV#SNXpNkeRf8H+&ek@qAbwd^^"
    "x2^lF*6YACy4`NKTdmhy_gk&j>vg)_Ri`H>Cnr7wgOih!larH^larH^lbW@$;8$!m8x4lTVX)YMn+=A;VX)Y2Hb4K_"
)
"""libjpeg-turbo (imagecodecs 2026.3.6), 12 bits, predictor 1."""
JPEG_LOSSLESS_P6 = base64.b85decode(
    "|JeWF01!$>Nk#wx0RR9200961|HA+a3;-Aa6afJd0RO}Q9RL9V0RaF50RaI300000000OF1_=ZU3<U!X|Jncu0RaF8"
    "008;_0QWnc&gXNv-0pWfozCZTx!mq|JDtk5?1f6H7K}EViRI84-PsD2QY{#5Hxjn&g-WRwhTTTuk5{u@kf~K7(A%io"
    "D{jbCsXNK*b50pYtJ$u|RH-}3>vK*Rt-B#d{ZCpObsde4RqWSfDE|Pd>qBm%v8vm$6)L1Jb-4Suqt)!!WGYoiUh8r9"
    "aIL!w`hHI8@wczA&dy5g*I|E8$=zNy_4XL8yCG7lLibybyNW$t&2~biRE6%hA9o7dvJ`*R^`W;>*x2P>&2~bM`ku5l"
    ">N^^(yCG7f?<cLzIAtEMX1gI$r0*xK%{XGV?1f6H7KYtM;*VFeU683&BGB8Y+$%&GugU&CPweV96nedwL7M!Z<K+I%"
    "qj0UeAyTSEqYb9wd2|MMc0#38i$)tw#I3s_QmRFvw^6vG)$G?~Dpg3dHtIJD+p-lZPV#!((}q#%_G_{gDo*lx+|!0D"
    "Zpcyp08`e6-A7|%m3uYW3P0+4(A%i&YPRf!N~sIoZa(fP^?Nnh3YAh9y4-!-D{jL6pOd=0ZR_kavy!_t*k9A~cfz~x"
    "Zunn5c*Skm3YAh9y4-!-QR?<<vKQc#^ilr+uD||EZ@v3)t-B#d{ZCpObsde4RqWpbuc8y)fz<y1g3sRFsO)OC?1f5`"
    "yq|@)(WUdodJ(>bdo|e#l_z;UZfV06w`3|+N$^?w+qD~tKftZ%W%?bEsZ}D-+o;?tL>aHi{y*ph`UW){ialP;AkBVH"
    "@$!FXQMgv!z6ei5r=pM1XY^sT+)plm&hE%ms*z~JX}G`t*#"
)
"""libjpeg-turbo (imagecodecs 2026.3.6), 12 bits, predictor 6."""
